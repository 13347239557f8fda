package main

import "testing"

func TestTheTreatmentFollowsTheCustomer(t *testing.T) {
	id := func(text string) *string { return &text }
	for _, one := range []struct {
		customer Customer
		want     Treatment
	}{
		{Customer{Country: "DE"}, Domestic},
		{Customer{Country: "FR"}, DistanceSale},
		{Customer{Country: "FR", VATID: id("FR12345678901")}, ReverseCharge},
		{Customer{Country: "CH"}, Export},
	} {
		if got, err := treat(find("DE"), &one.customer); got != one.want || err != nil {
			t.Errorf("%s: %s %v", one.customer.Country, got, err)
		}
	}
}

func TestNoReducedRateIsAboveTheStandardOne(t *testing.T) {
	for at, one := range countries {
		if max(one.food, one.books, one.hotel, one.transport) > one.standard || at > 0 && countries[at-1].code >= one.code {
			t.Error(one.code)
		}
	}
}

func TestNumbersOfOtherFormsAreNone(t *testing.T) {
	for _, id := range []string{"FR1234567", "FR12345678901234", "FR1234 678", "DE123456789", "FR1234567\xff"} {
		if isVATID(id, "FR") {
			t.Error(id)
		}
	}
	if !isVATID("EL123456789", "GR") {
		t.Error("Greece")
	}
}
