// Keeps the quantity of an order within its bound.
package main

import (
	"ameide.dev/extension"
	"ameide.dev/extension/domainhook"
	"ameide.dev/extension/log"
)

// More than this needs a person.
const quantityMax = 100

// Order holds the fields of the entity that the rule reads.
type Order struct {
	Quantity uint32 `json:"quantity"`
}

func init() { domainhook.Handle(evaluate) }

func evaluate(ctx extension.Context, order Order) (extension.Verdict, error) {
	log.Info(ctx.Point(), ": judging ", order.Quantity, " pieces")
	var verdict extension.Verdict
	if order.Quantity > quantityMax {
		verdict.Error("QUANTITY_TOO_LARGE", extension.Text("At most ", quantityMax, " pieces can be ordered at once."), "/quantity")
		return verdict, nil
	}
	verdict.Set("reviewed", true)
	return verdict, nil
}

func main() {}
