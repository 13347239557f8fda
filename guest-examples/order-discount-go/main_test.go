package main

import (
	"testing"

	"ameide.dev/extension"
)

func order(tier string, discount float64, price int64, line float64) Order {
	return Order{Customer: Customer{Tier: tier}, DiscountPercent: discount, Lines: []Line{{SKU: "A", Quantity: 2, UnitPrice: price, DiscountPercent: line}}}
}

func TestDiscountsApplyOneAfterTheOther(t *testing.T) {
	order := order("gold", 10, 1_000, 10)
	if got := order.Lines[0].effectiveDiscount(&order); got != 19 {
		t.Errorf("%v %% instead of 19", got)
	}
	if _, net := totals(&order); net != 1_620 {
		t.Errorf("net %d instead of 1620", net)
	}
}

func TestAQuoteOnlyWarns(t *testing.T) {
	create, err := evaluate(extension.At("BeforeCreateOrder"), order("bronze", 0, 1_000, 6))
	quote, err2 := evaluate(extension.At("BeforeQuoteOrder"), order("bronze", 0, 1_000, 6))
	if err != nil || err2 != nil || create.OK() || !quote.OK() || len(quote.Messages()) != 1 {
		t.Errorf("%+v %+v %v %v", create, quote, err, err2)
	}
}

func TestTotalsStopAtTheLargestNumber(t *testing.T) {
	order := order("gold", 0, 1<<62, 0)
	order.Lines = append(order.Lines, order.Lines[0])
	if gross, net := totals(&order); gross < 0 || net < 0 {
		t.Errorf("gross %d, net %d", gross, net)
	}
}
