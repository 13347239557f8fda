package domainhook

import (
	"errors"
	"fmt"
	"testing"

	"ameide.dev/extension"
	"ameide.dev/extension/internal/glue"
)

type order struct {
	Quantity uint32 `json:"quantity"`
}

func TestTheFunctionGetsItsTypeAndItsPoint(t *testing.T) {
	Handle(func(ctx extension.Context, order order) (verdict extension.Verdict, err error) {
		switch order.Quantity {
		case 0:
			return verdict, extension.Rejected("order at least ", 1)
		case 1:
			return verdict, fmt.Errorf("wrapped: %w", extension.InvalidInput("one"))
		case 2:
			return verdict, errors.New("a fault")
		case 3:
			verdict.Set("bad", func() {})
			return verdict, nil
		}
		verdict.Warning("W", "w", "/a")
		verdict.Set("point", ctx.Point())
		verdict.Set("quantity", order.Quantity)
		verdict.Set("point", "last")
		return verdict, nil
	})
	for text, want := range map[string]string{
		`{"quantity":0}`: "0 order at least 1",
		`{"quantity":1}`: "1 wrapped: one",
		`{"quantity":2}`: "2 a fault",
		`{"quantity":3}`: "2 derived field bad: a value of kind func is no JSON",
		`{}`:             "1 missing field `quantity`",
	} {
		_, err := handler("p", []byte(text))
		if err == nil {
			t.Fatal(text)
		}
		if reason, words := glue.Reason(err); extension.Text(uint32(reason), " ", words) != want {
			t.Errorf("%s: %d %s instead of %s", text, reason, words, want)
		}
	}
	made, err := handler("BeforeCreateOrder", []byte(`{"quantity":9}`))
	if err != nil || !made.OK() || len(made.Messages()) != 1 || string(made.derived) != `{"point":"last","quantity":9}` {
		t.Errorf("%+v %s %v", made, made.derived, err)
	}
}
