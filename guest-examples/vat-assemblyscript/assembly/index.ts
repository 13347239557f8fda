// Value-added tax on a sale: whose tax, which rates, and what the invoice says.
//
// `index.ts` decides the treatment, `rates.ts` holds the rates. Amounts are
// in cents and are rounded once per rate, as an invoice shows them.

import { Json, Result, agentTool } from "ameide-extension";
import { CATEGORIES, Category, Country, countryOf } from "./rates";

class Sale {
  sellerCountry: string;
  country: string;
  hasVatId: bool;
  vatId: string;
  lines: Line[] = [];

  constructor(json: Json) {
    const customer = json.get("customer");
    this.sellerCountry = json.get("sellerCountry").asString();
    this.country = customer.get("country").asString();
    this.hasVatId = !customer.get("vatId").isAbsent;
    this.vatId = customer.get("vatId").orString("");
    const lines = json.get("lines").items();
    for (let i = 0; i < lines.length; ++i) this.lines.push(new Line(lines[i]));
  }
}

class Line {
  net: i64;
  category: Category;

  constructor(json: Json) {
    this.net = json.get("net").asI64();
    this.category = json.get("category").orOneOf(CATEGORIES, Category.Standard);
  }
}

/** What one rate comes to. */
class Rate {
  constructor(public permille: i64, public net: i64) {}

  vat(): i64 {
    return (this.net * this.permille + 500) / 1000;
  }
}

const DOMESTIC = "domestic";
/** To a consumer in another EU country: taxed there. */
const DISTANCE_SALE = "distance_sale";
/** To a business in another EU country: the buyer pays the tax. */
const REVERSE_CHARGE = "reverse_charge";
/** Out of the EU. */
const EXPORT = "export";

export function call(sale: Sale): Result {
  const seller = countryOf(sale.sellerCountry);
  if (seller == null) {
    return Result.rejected(`${sale.sellerCountry} is no EU country; only sellers in the EU charge this tax.`);
  }
  const treatment = treatmentOf(seller, sale);
  if (treatment.length == 0) {
    return Result.rejected(`\`${sale.vatId}\` is no VAT number of ${sale.country}; leave it out for a consumer.`);
  }
  const taxedIn = treatment == DOMESTIC ? seller : treatment == DISTANCE_SALE ? countryOf(sale.country) : null;
  const rates = byRate(sale.lines, taxedIn);
  const list = Json.array();
  let net: i64 = 0;
  let vat: i64 = 0;
  for (let i = 0; i < rates.length; ++i) {
    const rate = rates[i];
    net += rate.net;
    vat += rate.vat();
    list.push(Json.object().set("ratePercent", <f64>rate.permille / 10).set("net", rate.net).set("vat", rate.vat()));
  }
  const tax = Json.object().set("treatment", treatment).set("taxCountry", taxedIn == null ? Json.nil() : Json.of(taxedIn.code));
  return new Result(tax.set("net", net).set("vat", vat).set("gross", net + vat).set("byRate", list).set("note", noteOf(treatment)));
}

/** Empty for a VAT number that is none. */
function treatmentOf(seller: Country, sale: Sale): string {
  if (sale.country == seller.code) return DOMESTIC;
  if (countryOf(sale.country) == null) return EXPORT;
  if (!sale.hasVatId) return DISTANCE_SALE;
  return isVatId(sale.vatId, sale.country) ? REVERSE_CHARGE : "";
}

/** The form of a VAT number: its country, then 8 to 12 letters and digits. */
function isVatId(id: string, country: string): bool {
  // Greece writes its numbers with EL.
  const prefix = country == "GR" ? "EL" : country;
  const rest = id.length - prefix.length;
  if (!id.startsWith(prefix) || rest < 8 || rest > 12) return false;
  for (let i = prefix.length; i < id.length; ++i) {
    const code = id.charCodeAt(i);
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
    if (!letter && (code < 0x30 || code > 0x39)) return false;
  }
  return true;
}

/** Lines of one rate are added before the tax is rounded; the highest rate comes first. */
function byRate(lines: Line[], taxedIn: Country | null): Rate[] {
  const rates: Rate[] = [];
  for (let i = 0; i < lines.length; ++i) {
    const permille: i64 = taxedIn == null ? 0 : taxedIn.permille(lines[i].category);
    let known = false;
    for (let j = 0; j < rates.length; ++j) {
      if (rates[j].permille != permille) continue;
      rates[j].net += lines[i].net;
      known = true;
    }
    if (!known) rates.push(new Rate(permille, lines[i].net));
  }
  return rates.sort((a, b) => <i32>(b.permille - a.permille));
}

function noteOf(treatment: string): string {
  if (treatment == DISTANCE_SALE) return "VAT of the country of destination, declared through the One Stop Shop.";
  if (treatment == REVERSE_CHARGE) return "Reverse charge: the recipient is liable for the VAT (Article 196, Directive 2006/112/EC).";
  if (treatment == EXPORT) return "Export: exempt from VAT (Article 146, Directive 2006/112/EC).";
  return "";
}

agentTool(call);
