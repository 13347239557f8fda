//! Value-added tax on a sale: whose tax, which rates, and what the invoice says.
//!
//! `lib.rs` decides the treatment, `rates.rs` holds the rates. Amounts are
//! in cents and are rounded once per rate, as an invoice shows them.
#![forbid(unsafe_code)]

mod rates;

use ameide_extension::{HookError, agent_tool};
use serde::{Deserialize, Serialize};

use crate::rates::{Category, Country};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sale {
    seller_country: String,
    customer: Customer,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Customer {
    country: String,
    vat_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    net: i64,
    #[serde(default)]
    category: Category,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tax {
    treatment: Treatment,
    tax_country: Option<String>,
    net: i64,
    vat: i64,
    gross: i64,
    by_rate: Vec<Rate>,
    note: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    rate_percent: f64,
    net: i64,
    vat: i64,
}

#[derive(Serialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Treatment {
    /// Buyer and seller in one country.
    Domestic,
    /// To a consumer in another EU country: taxed there.
    DistanceSale,
    /// To a business in another EU country: the buyer pays the tax.
    ReverseCharge,
    /// Out of the EU.
    Export,
}

#[agent_tool(
    name = "vat",
    description = "Computes the value-added tax of a sale by an EU seller: the treatment (domestic, distance sale, reverse charge, export), the tax by rate and the invoice's note. Use it before quoting a gross price.",
    input = "schemas/input.json",
    output = "schemas/output.json"
)]
fn call(sale: Sale) -> Result<Tax, HookError> {
    let seller = Country::find(&sale.seller_country)
        .ok_or_else(|| HookError::rejected(format!("{} is no EU country; only sellers in the EU charge this tax.", sale.seller_country)))?;
    let treatment = treatment(seller, &sale.customer)?;
    let taxed_in = match treatment {
        Treatment::Domestic => Some(seller),
        Treatment::DistanceSale => Country::find(&sale.customer.country),
        Treatment::ReverseCharge | Treatment::Export => None,
    };
    let by_rate = by_rate(&sale.lines, taxed_in);
    let net = by_rate.iter().map(|rate| rate.net).sum();
    let vat = by_rate.iter().map(|rate| rate.vat).sum();
    let tax_country = taxed_in.map(|country| country.code.to_owned());
    Ok(Tax { treatment, tax_country, net, vat, gross: net + vat, by_rate, note: treatment.note() })
}

fn treatment(seller: &Country, customer: &Customer) -> Result<Treatment, HookError> {
    if customer.country == seller.code {
        return Ok(Treatment::Domestic);
    }
    if Country::find(&customer.country).is_none() {
        return Ok(Treatment::Export);
    }
    match &customer.vat_id {
        None => Ok(Treatment::DistanceSale),
        Some(id) if is_vat_id(id, &customer.country) => Ok(Treatment::ReverseCharge),
        Some(id) => Err(HookError::rejected(format!("`{id}` is no VAT number of {}; leave it out for a consumer.", customer.country))),
    }
}

/// The form of a VAT number: its country, then 8 to 12 letters and digits.
fn is_vat_id(id: &str, country: &str) -> bool {
    // Greece writes its numbers with EL.
    let prefix = if country == "GR" { "EL" } else { country };
    id.strip_prefix(prefix).is_some_and(|rest| (8..=12).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Lines of one rate are added before the tax is rounded; the highest rate comes first.
fn by_rate(lines: &[Line], taxed_in: Option<&Country>) -> Vec<Rate> {
    let mut rates: Vec<(u32, i64)> = Vec::new();
    for line in lines {
        let permille = taxed_in.map_or(0, |country| country.permille(line.category));
        match rates.iter_mut().find(|(known, _)| *known == permille) {
            Some((_, net)) => *net += line.net,
            None => rates.push((permille, line.net)),
        }
    }
    rates.sort_by_key(|(permille, _)| std::cmp::Reverse(*permille));
    let rate = |(permille, net): (u32, i64)| Rate { rate_percent: f64::from(permille) / 10.0, net, vat: (net * i64::from(permille) + 500) / 1_000 };
    rates.into_iter().map(rate).collect()
}

impl Treatment {
    fn note(self) -> &'static str {
        match self {
            Self::Domestic => "",
            Self::DistanceSale => "VAT of the country of destination, declared through the One Stop Shop.",
            Self::ReverseCharge => "Reverse charge: the recipient is liable for the VAT (Article 196, Directive 2006/112/EC).",
            Self::Export => "Export: exempt from VAT (Article 146, Directive 2006/112/EC).",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(country: &str, vat_id: Option<&str>) -> Customer {
        Customer { country: country.into(), vat_id: vat_id.map(Into::into) }
    }

    #[test]
    fn the_treatment_follows_the_customer() {
        let germany = Country::find("DE").unwrap();
        assert_eq!(treatment(germany, &customer("DE", None)), Ok(Treatment::Domestic));
        assert_eq!(treatment(germany, &customer("FR", None)), Ok(Treatment::DistanceSale));
        assert_eq!(treatment(germany, &customer("FR", Some("FR12345678901"))), Ok(Treatment::ReverseCharge));
        assert_eq!(treatment(germany, &customer("US", None)), Ok(Treatment::Export));
        assert!(treatment(germany, &customer("FR", Some("12"))).is_err());
    }

    #[test]
    fn tax_is_rounded_once_per_rate() {
        let lines = [Line { net: 33, category: Category::Standard }, Line { net: 33, category: Category::Standard }];
        let rates = by_rate(&lines, Country::find("DE"));
        assert_eq!((rates.len(), rates[0].vat), (1, 13));
    }
}
