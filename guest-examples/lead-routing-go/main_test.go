package main

import (
	"testing"

	"ameide.dev/extension"
)

func TestGradesFollowPoints(t *testing.T) {
	for _, one := range []struct {
		employees uint32
		budget    uint64
		grade     string
	}{{5_000, 200_000, "B"}, {200, 30_000, "B"}, {200, 0, "C"}, {5, 0, "D"}} {
		score := scoreOf(&Lead{Employees: one.employees, Budget: one.budget}, "firm.example")
		if got := score.grade(); got != one.grade {
			t.Errorf("%d employees, budget %d: %s instead of %s", one.employees, one.budget, got, one.grade)
		}
	}
}

func TestAnOwnerKeepsTheLead(t *testing.T) {
	owner := "kim"
	decision, err := run(extension.At("RouteLead"), Lead{Email: "a@firm.example", Country: "AT", Employees: 5_000, Owner: &owner})
	if err != nil || decision.Queue != "owner-kim" {
		t.Errorf("%+v %v", decision, err)
	}
}
