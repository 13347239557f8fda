// Value-added tax on a sale: whose tax, which rates, and what the invoice says.
//
// This file decides the treatment, rates.go holds the rates. Amounts are in
// cents and are rounded once per rate, as an invoice shows them.
package main

import (
	_ "embed"
	"sort"
	"strings"

	"ameide.dev/extension"
	"ameide.dev/extension/agenttool"
)

//go:embed schemas/input.json
var input string

//go:embed schemas/output.json
var output string

// Sale is what the model gives; schemas/input.json says the same.
type Sale struct {
	SellerCountry string   `json:"sellerCountry"`
	Customer      Customer `json:"customer"`
	Lines         []Line   `json:"lines"`
}

// Customer is where the goods go, and the number of a business.
type Customer struct {
	Country string  `json:"country"`
	VATID   *string `json:"vatId"`
}

// Line is one amount.
type Line struct {
	Net      int64  `json:"net"`
	Category string `json:"category,omitempty" enum:"standard,food,books,hotel,transport"`
}

// Tax is what it gets; schemas/output.json says the same.
type Tax struct {
	Treatment  Treatment `json:"treatment"`
	TaxCountry *string   `json:"taxCountry"`
	Net        int64     `json:"net"`
	VAT        int64     `json:"vat"`
	Gross      int64     `json:"gross"`
	ByRate     []Rate    `json:"byRate"`
	Note       string    `json:"note"`
}

// Rate is the tax of one rate.
type Rate struct {
	RatePercent float64 `json:"ratePercent"`
	Net         int64   `json:"net"`
	VAT         int64   `json:"vat"`
}

// Treatment is under which rule a sale is taxed.
type Treatment string

const (
	// Domestic: buyer and seller in one country.
	Domestic Treatment = "domestic"
	// DistanceSale to a consumer in another EU country: taxed there.
	DistanceSale Treatment = "distance_sale"
	// ReverseCharge to a business in another EU country: the buyer pays the tax.
	ReverseCharge Treatment = "reverse_charge"
	// Export out of the EU.
	Export Treatment = "export"
)

func init() {
	agenttool.Handle(agenttool.Description{
		Name:        "vat",
		Description: "Computes the value-added tax of a sale by an EU seller: the treatment (domestic, distance sale, reverse charge, export), the tax by rate and the invoice's note. Use it before quoting a gross price.",
		Input:       input,
		Output:      output,
	}, call)
}

func call(_ extension.Context, sale Sale) (Tax, error) {
	seller := find(sale.SellerCountry)
	if seller == nil {
		return Tax{}, extension.Rejected(sale.SellerCountry, " is no EU country; only sellers in the EU charge this tax.")
	}
	treatment, err := treat(seller, &sale.Customer)
	if err != nil {
		return Tax{}, err
	}
	var taxed *Country
	switch treatment {
	case Domestic:
		taxed = seller
	case DistanceSale:
		taxed = find(sale.Customer.Country)
	}
	tax := Tax{Treatment: treatment, ByRate: byRate(sale.Lines, taxed), Note: treatment.note()}
	if taxed != nil {
		tax.TaxCountry = &taxed.code
	}
	for _, rate := range tax.ByRate {
		tax.Net += rate.Net
		tax.VAT += rate.VAT
	}
	tax.Gross = tax.Net + tax.VAT
	return tax, nil
}

func treat(seller *Country, customer *Customer) (Treatment, error) {
	switch id := customer.VATID; {
	case customer.Country == seller.code:
		return Domestic, nil
	case find(customer.Country) == nil:
		return Export, nil
	case id == nil:
		return DistanceSale, nil
	case isVATID(*id, customer.Country):
		return ReverseCharge, nil
	default:
		return "", extension.Rejected("`", *id, "` is no VAT number of ", customer.Country, "; leave it out for a consumer.")
	}
}

// isVATID checks the form of a VAT number: its country, then 8 to 12 letters and digits.
func isVATID(id, country string) bool {
	if country == "GR" {
		country = "EL" // Greece writes its numbers so
	}
	rest, found := strings.CutPrefix(id, country)
	if !found || len(rest) < 8 || len(rest) > 12 {
		return false
	}
	for at := 0; at < len(rest); at++ {
		if char := rest[at]; char-'0' > 9 && char|0x20-'a' > 'z'-'a' {
			return false
		}
	}
	return true
}

// byRate adds the lines of one rate before the tax is rounded; the highest rate comes first.
func byRate(lines []Line, taxed *Country) []Rate {
	type sum struct {
		permille uint32
		net      int64
	}
	var sums []sum
next:
	for at := range lines {
		permille := uint32(0)
		if taxed != nil {
			permille = taxed.permille(lines[at].Category)
		}
		for known := range sums {
			if sums[known].permille == permille {
				sums[known].net += lines[at].Net
				continue next
			}
		}
		sums = append(sums, sum{permille, lines[at].Net})
	}
	sort.SliceStable(sums, func(a, b int) bool { return sums[a].permille > sums[b].permille })
	rates := make([]Rate, len(sums))
	for at, sum := range sums {
		rates[at] = Rate{RatePercent: float64(sum.permille) / 10, Net: sum.net, VAT: (sum.net*int64(sum.permille) + 500) / 1_000}
	}
	return rates
}

func (t Treatment) note() string {
	switch t {
	case DistanceSale:
		return "VAT of the country of destination, declared through the One Stop Shop."
	case ReverseCharge:
		return "Reverse charge: the recipient is liable for the VAT (Article 196, Directive 2006/112/EC)."
	case Export:
		return "Export: exempt from VAT (Article 146, Directive 2006/112/EC)."
	default:
		return ""
	}
}

func main() {}
