// A ceiling for discounts by customer tier, over an order and its lines.
//
// Before an order is created, a discount above the ceiling refuses it; on a
// quote it only warns. Totals are derived either way. Amounts are in minor
// units (cents), so nothing is rounded twice.

import { Verdict, decimal, domainHook } from "ameide-extension";
import { Line, Order, Tier } from "./order";

/** More lines than any honest order has. */
const LINES_MAX = 500;
/** Orders from this net total on may go a little higher: 10,000.00. */
const VOLUME_TOTAL: i64 = 1_000_000;
const VOLUME_BONUS: f64 = 2.5;
/** A discount this close below its ceiling is worth a look. */
const NEAR: f64 = 1;

export function evaluate(point: string, order: Order): Verdict {
  if (order.lines.length > LINES_MAX) {
    return Verdict.rejected(`An order has at most ${LINES_MAX} lines; split this one.`);
  }
  const verdict = checkForm(order);
  if (!verdict.isOk) return verdict;
  const gross = grossTotal(order);
  const net = netTotal(order);
  const ceiling = ceilingOf(order.tier, net);
  const binding = point != "BeforeQuoteOrder";
  for (let i = 0; i < order.lines.length; ++i) {
    checkCeiling(verdict, order.lines[i], order.lines[i].effectiveDiscount(order), ceiling, binding, i);
  }
  return verdict.set("grossTotal", gross).set("discountTotal", gross - net).set("netTotal", net).set("discountCeilingPercent", ceiling);
}

function ceilingOf(tier: Tier, net: i64): f64 {
  const volume = net >= VOLUME_TOTAL ? VOLUME_BONUS : 0;
  switch (tier) {
    case Tier.Bronze: return 5;
    case Tier.Silver: return 10;
    case Tier.Gold: return 15 + volume;
    default: return 20 + volume;
  }
}

/** What makes no sense whatever the ceiling. */
function checkForm(order: Order): Verdict {
  const verdict = new Verdict();
  if (order.lines.length == 0) verdict.error("ORDER_EMPTY", "An order needs at least one line.", "/lines");
  if (!isPercent(order.discountPercent)) {
    verdict.error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", "/discountPercent");
  }
  for (let i = 0; i < order.lines.length; ++i) {
    const line = order.lines[i];
    if (line.quantity == 0) verdict.error("QUANTITY_ZERO", `${line.sku}: order at least one.`, `/lines/${i}/quantity`);
    if (line.unitPrice < 0) verdict.error("PRICE_NEGATIVE", `${line.sku}: a price is not negative.`, `/lines/${i}/unitPrice`);
    if (!isPercent(line.discountPercent)) {
      verdict.error("DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", `/lines/${i}/discountPercent`);
    }
  }
  return verdict;
}

function checkCeiling(verdict: Verdict, line: Line, discount: f64, ceiling: f64, binding: bool, index: i32): void {
  const path = `/lines/${index}/discountPercent`;
  if (discount > ceiling) {
    const text = `${line.sku}: ${decimal(discount)} % in all, but this customer may get at most ${decimal(ceiling)} %.`;
    if (binding) verdict.error("DISCOUNT_ABOVE_CEILING", text, path);
    else verdict.warning("DISCOUNT_ABOVE_CEILING", text, path);
  } else if (discount > 0 && discount > ceiling - NEAR) {
    verdict.warning("DISCOUNT_NEAR_CEILING", `${line.sku}: ${decimal(discount)} % is close to the ceiling of ${decimal(ceiling)} %.`, path);
  }
}

function grossTotal(order: Order): i64 {
  let total: i64 = 0;
  for (let i = 0; i < order.lines.length; ++i) total = added(total, order.lines[i].gross());
  return total;
}

function netTotal(order: Order): i64 {
  let total: i64 = 0;
  for (let i = 0; i < order.lines.length; ++i) {
    const keep = 100 - order.lines[i].effectiveDiscount(order);
    total = added(total, <i64>Math.round(<f64>order.lines[i].gross() * keep / 100));
  }
  return total;
}

/** Beyond the largest number it stays there. */
function added(a: i64, b: i64): i64 {
  return a > i64.MAX_VALUE - b ? i64.MAX_VALUE : a + b;
}

function isPercent(value: f64): bool {
  return value >= 0 && value <= 100;
}

domainHook(evaluate);
