// A ceiling for discounts by customer tier, over an order and its lines.
//
// Before an order is created, a discount above the ceiling refuses it; on a
// quote it only warns. Totals are derived either way. Amounts are in minor
// units (cents), so nothing is rounded twice.
package main

import (
	"math"

	"ameide.dev/extension"
	"ameide.dev/extension/domainhook"
)

const (
	// More lines than any honest order has.
	linesMax = 500
	// Orders from this net total on may go a little higher: 10,000.00.
	volumeTotal = 1_000_000
	volumeBonus = 2.5
	// A discount this close below its ceiling is worth a look.
	near = 1.0
)

// Order holds the fields of the entity that the rule reads.
type Order struct {
	Customer Customer `json:"customer"`
	// DiscountPercent is off the whole order, on top of the lines' own.
	DiscountPercent float64 `json:"discountPercent,omitempty"`
	Lines           []Line  `json:"lines"`
}

// Customer is who orders.
type Customer struct {
	Tier string `json:"tier" enum:"bronze,silver,gold,platinum"`
}

// Line is one article.
type Line struct {
	SKU             string  `json:"sku"`
	Quantity        uint32  `json:"quantity"`
	UnitPrice       int64   `json:"unitPrice"`
	DiscountPercent float64 `json:"discountPercent,omitempty"`
}

func init() { domainhook.Handle(evaluate) }

func evaluate(ctx extension.Context, order Order) (extension.Verdict, error) {
	if len(order.Lines) > linesMax {
		return extension.Verdict{}, extension.Rejected("An order has at most ", linesMax, " lines; split this one.")
	}
	verdict := checkForm(&order)
	if !verdict.OK() {
		return verdict, nil
	}
	gross, net := totals(&order)
	ceiling := ceiling(order.Customer.Tier, net)
	binding := ctx.Point() != "BeforeQuoteOrder"
	for at := range order.Lines {
		line := &order.Lines[at]
		checkCeiling(&verdict, line.effectiveDiscount(&order), ceiling, binding, line.SKU, at)
	}
	verdict.Set("grossTotal", gross)
	verdict.Set("discountTotal", gross-net)
	verdict.Set("netTotal", net)
	verdict.Set("discountCeilingPercent", ceiling)
	return verdict, nil
}

func ceiling(tier string, net int64) float64 {
	volume := 0.0
	if net >= volumeTotal {
		volume = volumeBonus
	}
	switch tier {
	case "platinum":
		return 20 + volume
	case "gold":
		return 15 + volume
	case "silver":
		return 10
	default:
		return 5
	}
}

// checkForm says what makes no sense whatever the ceiling.
func checkForm(order *Order) (verdict extension.Verdict) {
	if len(order.Lines) == 0 {
		verdict.Error("ORDER_EMPTY", "An order needs at least one line.", "/lines")
	}
	if !isPercent(order.DiscountPercent) {
		verdict.Error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", "/discountPercent")
	}
	for at := range order.Lines {
		line := &order.Lines[at]
		if line.Quantity == 0 {
			verdict.Error("QUANTITY_ZERO", line.SKU+": order at least one.", path(at, "quantity"))
		}
		if line.UnitPrice < 0 {
			verdict.Error("PRICE_NEGATIVE", line.SKU+": a price is not negative.", path(at, "unitPrice"))
		}
		if !isPercent(line.DiscountPercent) {
			verdict.Error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", path(at, "discountPercent"))
		}
	}
	return verdict
}

func path(line int, field string) string { return extension.Text("/lines/", line, "/", field) }

func checkCeiling(verdict *extension.Verdict, discount, ceiling float64, binding bool, sku string, line int) {
	switch path := path(line, "discountPercent"); {
	case discount > ceiling:
		text := extension.Text(sku, ": ", discount, " % in all, but this customer may get at most ", ceiling, " %.")
		if binding {
			verdict.Error("DISCOUNT_ABOVE_CEILING", text, path)
		} else {
			verdict.Warning("DISCOUNT_ABOVE_CEILING", text, path)
		}
	case discount > 0 && discount > ceiling-near:
		verdict.Warning("DISCOUNT_NEAR_CEILING", extension.Text(sku, ": ", discount, " % is close to the ceiling of ", ceiling, " %."), path)
	}
}

func totals(order *Order) (gross, net int64) {
	for at := range order.Lines {
		line := &order.Lines[at]
		price := times(line.UnitPrice, line.Quantity)
		keep := 100 - line.effectiveDiscount(order)
		gross = plus(gross, price)
		net = plus(net, int64(math.Round(float64(price)*keep/100)))
	}
	return gross, net
}

// times and plus stop at the largest number: a total never turns negative.
func times(price int64, quantity uint32) int64 {
	if quantity != 0 && price > math.MaxInt64/int64(quantity) {
		return math.MaxInt64
	}
	return price * int64(quantity)
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// effectiveDiscount is the line's and the order's, one after the other, in percent to two places.
func (line *Line) effectiveDiscount(order *Order) float64 {
	kept := (100 - line.DiscountPercent) * (100 - order.DiscountPercent) / 100
	return math.Round((100-kept)*100) / 100
}

func isPercent(value float64) bool { return value >= 0 && value <= 100 }

func main() {}
