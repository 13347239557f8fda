// Decides whether a request needs an approval, and whose.
package main

import (
	"ameide.dev/extension"
	"ameide.dev/extension/log"
	"ameide.dev/extension/processhook"
)

// Request holds the workflow's variables that the rule reads.
type Request struct {
	Amount *float64 `json:"amount"`
}

// Decision holds the variables that it sets.
type Decision struct {
	NeedsApproval bool   `json:"needsApproval"`
	Approver      string `json:"approver"`
}

func init() { processhook.Handle(run) }

func run(ctx extension.Context, request Request) (Decision, error) {
	if request.Amount == nil {
		return Decision{}, extension.Rejected("A request needs an amount.")
	}
	log.Info(ctx.Point(), ": deciding on ", *request.Amount)
	if *request.Amount >= 1_000 {
		return Decision{NeedsApproval: true, Approver: "team-lead"}, nil
	}
	return Decision{NeedsApproval: false, Approver: "nobody"}, nil
}

func main() {}
