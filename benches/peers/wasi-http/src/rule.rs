//! The rule of guest-examples/order-discount with nothing but serde: a ceiling
//! for discounts by customer tier, over an order and its lines.

use serde::{Deserialize, Serialize};

const LINES_MAX: usize = 500;
const VOLUME_TOTAL: i64 = 1_000_000;
const VOLUME_BONUS: f64 = 2.5;
const NEAR: f64 = 1.0;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    customer: Customer,
    #[serde(default)]
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    ok: bool,
    messages: Vec<Message>,
    derived_fields: Option<Derived>,
}

#[derive(Serialize)]
struct Message {
    severity: &'static str,
    code: &'static str,
    text: String,
    path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Derived {
    gross_total: i64,
    discount_total: i64,
    net_total: i64,
    discount_ceiling_percent: f64,
}

pub(crate) fn evaluate(point: &str, order: &Order) -> Verdict {
    let mut messages = check_form(order);
    if !messages.is_empty() {
        return Verdict { ok: false, messages, derived_fields: None };
    }
    let (gross, net) = totals(order);
    let ceiling = order.customer.tier.ceiling(net);
    let grave = if point == "BeforeQuoteOrder" { "warning" } else { "error" };
    for (index, line) in order.lines.iter().enumerate() {
        messages.extend(check_ceiling(line, line.effective_discount(order), ceiling, grave, index));
    }
    let derived = Derived { gross_total: gross, discount_total: gross - net, net_total: net, discount_ceiling_percent: ceiling };
    Verdict { ok: messages.iter().all(|message| message.severity != "error"), messages, derived_fields: Some(derived) }
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
fn check_form(order: &Order) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut error = |code, text: String, path: String| messages.push(Message { severity: "error", code, text, path });
    if order.lines.len() > LINES_MAX {
        error("REJECTED", format!("An order has at most {LINES_MAX} lines; split this one."), String::new());
    }
    if order.lines.is_empty() {
        error("ORDER_EMPTY", "An order needs at least one line.".to_owned(), "/lines".to_owned());
    }
    if !is_percent(order.discount_percent) {
        error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.".to_owned(), "/discountPercent".to_owned());
    }
    for (index, line) in order.lines.iter().enumerate() {
        if line.quantity == 0 {
            error("QUANTITY_ZERO", format!("{}: order at least one.", line.sku), format!("/lines/{index}/quantity"));
        }
        if line.unit_price < 0 {
            error("PRICE_NEGATIVE", format!("{}: a price is not negative.", line.sku), format!("/lines/{index}/unitPrice"));
        }
        if !is_percent(line.discount_percent) {
            error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.".to_owned(), format!("/lines/{index}/discountPercent"));
        }
    }
    messages
}

fn check_ceiling(line: &Line, discount: f64, ceiling: f64, grave: &'static str, index: usize) -> Option<Message> {
    let path = format!("/lines/{index}/discountPercent");
    let sku = &line.sku;
    if discount > ceiling {
        let text = format!("{sku}: {discount} % in all, but this customer may get at most {ceiling} %.");
        return Some(Message { severity: grave, code: "DISCOUNT_ABOVE_CEILING", text, path });
    }
    (discount > 0.0 && discount > ceiling - NEAR).then(|| Message {
        severity: "warning",
        code: "DISCOUNT_NEAR_CEILING",
        text: format!("{sku}: {discount} % is close to the ceiling of {ceiling} %."),
        path,
    })
}

fn totals(order: &Order) -> (i64, i64) {
    order.lines.iter().fold((0_i64, 0_i64), |(gross, net), line| {
        let amount = line.unit_price.saturating_mul(i64::from(line.quantity));
        let kept = amount as f64 * (100.0 - line.effective_discount(order)) / 100.0;
        (gross.saturating_add(amount), net.saturating_add(kept.round() as i64))
    })
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
