//! A ceiling for discounts by customer tier, over an order and its lines.
//!
//! Before an order is created, a discount above the ceiling refuses it; on a
//! quote it only warns. Totals are derived either way. Amounts are in minor
//! units (cents), so nothing is rounded twice.
#![forbid(unsafe_code)]

use ameide_extension::{HookError, Verdict, domain_hook};
use serde::Deserialize;

/// More lines than any honest order has.
const LINES_MAX: usize = 500;
/// Orders from this net total on may go a little higher: 10,000.00.
const VOLUME_TOTAL: i64 = 1_000_000;
const VOLUME_BONUS: f64 = 2.5;
/// A discount this close below its ceiling is worth a look.
const NEAR: f64 = 1.0;

#[derive(Deserialize)]
struct Order {
    customer: Customer,
    /// Percent off the whole order, on top of the lines' own.
    #[serde(default, rename = "discountPercent")]
    discount_percent: f64,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Customer {
    tier: Tier,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Tier {
    Bronze,
    Silver,
    Gold,
    Platinum,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    sku: String,
    quantity: u32,
    unit_price: i64,
    #[serde(default)]
    discount_percent: f64,
}

#[domain_hook]
fn evaluate(point: &str, order: Order) -> Result<Verdict, HookError> {
    if order.lines.len() > LINES_MAX {
        return Err(HookError::rejected(format!("An order has at most {LINES_MAX} lines; split this one.")));
    }
    let mut verdict = check_form(&order);
    if !verdict.is_ok() {
        return Ok(verdict);
    }
    let totals = Totals::of(&order);
    let ceiling = order.customer.tier.ceiling(totals.net);
    let binding = point != "BeforeQuoteOrder";
    for (index, line) in order.lines.iter().enumerate() {
        verdict = check_ceiling(verdict, line.effective_discount(&order), ceiling, binding, &line.sku, index);
    }
    Ok(verdict
        .set("grossTotal", totals.gross)
        .set("discountTotal", totals.gross - totals.net)
        .set("netTotal", totals.net)
        .set("discountCeilingPercent", ceiling))
}

impl Tier {
    fn ceiling(self, net: i64) -> f64 {
        let volume = if net >= VOLUME_TOTAL { VOLUME_BONUS } else { 0.0 };
        match self {
            Self::Bronze => 5.0,
            Self::Silver => 10.0,
            Self::Gold => 15.0 + volume,
            Self::Platinum => 20.0 + volume,
        }
    }
}

/// What makes no sense whatever the ceiling.
fn check_form(order: &Order) -> Verdict {
    let mut verdict = Verdict::new();
    if order.lines.is_empty() {
        verdict = verdict.error("ORDER_EMPTY", "An order needs at least one line.", "/lines");
    }
    if !is_percent(order.discount_percent) {
        verdict = verdict.error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", "/discountPercent");
    }
    for (index, line) in order.lines.iter().enumerate() {
        if line.quantity == 0 {
            verdict = verdict.error("QUANTITY_ZERO", format!("{}: order at least one.", line.sku), format!("/lines/{index}/quantity"));
        }
        if line.unit_price < 0 {
            verdict = verdict.error("PRICE_NEGATIVE", format!("{}: a price is not negative.", line.sku), format!("/lines/{index}/unitPrice"));
        }
        if !is_percent(line.discount_percent) {
            verdict = verdict.error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", format!("/lines/{index}/discountPercent"));
        }
    }
    verdict
}

fn check_ceiling(verdict: Verdict, discount: f64, ceiling: f64, binding: bool, sku: &str, index: usize) -> Verdict {
    let path = format!("/lines/{index}/discountPercent");
    if discount > ceiling {
        let text = format!("{sku}: {discount} % in all, but this customer may get at most {ceiling} %.");
        return if binding { verdict.error("DISCOUNT_ABOVE_CEILING", text, path) } else { verdict.warning("DISCOUNT_ABOVE_CEILING", text, path) };
    }
    if discount > 0.0 && discount > ceiling - NEAR {
        return verdict.warning("DISCOUNT_NEAR_CEILING", format!("{sku}: {discount} % is close to the ceiling of {ceiling} %."), path);
    }
    verdict
}

struct Totals {
    gross: i64,
    net: i64,
}

impl Totals {
    fn of(order: &Order) -> Self {
        let mut totals = Self { gross: 0, net: 0 };
        for line in &order.lines {
            let gross = line.unit_price.saturating_mul(i64::from(line.quantity));
            let keep = 100.0 - line.effective_discount(order);
            totals.gross = totals.gross.saturating_add(gross);
            totals.net = totals.net.saturating_add((gross as f64 * keep / 100.0).round() as i64);
        }
        totals
    }
}

impl Line {
    /// The line's discount and the order's, one after the other, in percent to two places.
    fn effective_discount(&self, order: &Order) -> f64 {
        let kept = (100.0 - self.discount_percent) * (100.0 - order.discount_percent) / 100.0;
        ((100.0 - kept) * 100.0).round() / 100.0
    }
}

fn is_percent(value: f64) -> bool {
    (0.0..=100.0).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(tier: Tier, discount_percent: f64, unit_price: i64, line_percent: f64) -> Order {
        let line = Line { sku: "A".into(), quantity: 2, unit_price, discount_percent: line_percent };
        Order { customer: Customer { tier }, discount_percent, lines: vec![line] }
    }

    #[test]
    fn discounts_apply_one_after_the_other() {
        let order = order(Tier::Gold, 10.0, 1_000, 10.0);
        assert_eq!(order.lines[0].effective_discount(&order), 19.0);
        assert_eq!(Totals::of(&order).net, 1_620);
    }

    #[test]
    fn a_quote_only_warns() {
        let ask = |point| evaluate(point, order(Tier::Bronze, 0.0, 1_000, 6.0)).unwrap();
        assert!(!ask("BeforeCreateOrder").is_ok());
        assert!(ask("BeforeQuoteOrder").is_ok());
        assert_eq!(ask("BeforeQuoteOrder").messages().len(), 1);
    }

    #[test]
    fn volume_raises_the_upper_tiers_only() {
        assert_eq!(Tier::Gold.ceiling(VOLUME_TOTAL), 17.5);
        assert_eq!(Tier::Silver.ceiling(VOLUME_TOTAL), 10.0);
    }
}
