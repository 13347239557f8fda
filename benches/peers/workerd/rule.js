// The rule of guest-examples/order-discount in JavaScript, for workerd: a
// ceiling for discounts by customer tier, over an order and its lines.

const LINES_MAX = 500;
const VOLUME_TOTAL = 1_000_000;
const VOLUME_BONUS = 2.5;
const NEAR = 1;
const CEILINGS = { bronze: [5, 0], silver: [10, 0], gold: [15, VOLUME_BONUS], platinum: [20, VOLUME_BONUS] };

export default {
  async fetch(request) {
    const point = new URL(request.url).searchParams.get("point") ?? "";
    return Response.json(evaluate(point, await request.json()));
  },
};

function evaluate(point, order) {
  const messages = [];
  const say = (severity, code, text, path) => messages.push({ severity, code, text, path });
  if (order.lines.length > LINES_MAX) {
    say("error", "REJECTED", `An order has at most ${LINES_MAX} lines; split this one.`, "");
    return verdict(messages, {});
  }
  checkForm(order, say);
  if (messages.length > 0) return verdict(messages, {});
  const { gross, net } = totals(order);
  const [base, bonus] = CEILINGS[order.customer.tier];
  const ceiling = base + (net >= VOLUME_TOTAL ? bonus : 0);
  const binding = point !== "BeforeQuoteOrder";
  order.lines.forEach((line, index) => checkCeiling(line, effectiveDiscount(line, order), ceiling, binding, index, say));
  return verdict(messages, { grossTotal: gross, discountTotal: gross - net, netTotal: net, discountCeilingPercent: ceiling });
}

function verdict(messages, derivedFields) {
  return { ok: messages.every(({ severity }) => severity !== "error"), messages, derivedFields };
}

// What makes no sense whatever the ceiling.
function checkForm(order, say) {
  if (order.lines.length === 0) say("error", "ORDER_EMPTY", "An order needs at least one line.", "/lines");
  if (!isPercent(order.discountPercent ?? 0)) {
    say("error", "DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", "/discountPercent");
  }
  order.lines.forEach((line, index) => {
    if (line.quantity === 0) say("error", "QUANTITY_ZERO", `${line.sku}: order at least one.`, `/lines/${index}/quantity`);
    if (line.unitPrice < 0) say("error", "PRICE_NEGATIVE", `${line.sku}: a price is not negative.`, `/lines/${index}/unitPrice`);
    if (!isPercent(line.discountPercent ?? 0)) {
      say("error", "DISCOUNT_INVALID", "A discount is between 0 and 100 percent.", `/lines/${index}/discountPercent`);
    }
  });
}

function checkCeiling(line, discount, ceiling, binding, index, say) {
  const path = `/lines/${index}/discountPercent`;
  if (discount > ceiling) {
    const text = `${line.sku}: ${discount} % in all, but this customer may get at most ${ceiling} %.`;
    say(binding ? "error" : "warning", "DISCOUNT_ABOVE_CEILING", text, path);
  } else if (discount > 0 && discount > ceiling - NEAR) {
    say("warning", "DISCOUNT_NEAR_CEILING", `${line.sku}: ${discount} % is close to the ceiling of ${ceiling} %.`, path);
  }
}

function totals(order) {
  let gross = 0;
  let net = 0;
  for (const line of order.lines) {
    const amount = line.unitPrice * line.quantity;
    gross += amount;
    net += Math.round((amount * (100 - effectiveDiscount(line, order))) / 100);
  }
  return { gross, net };
}

// The line's discount and the order's, one after the other, in percent to two places.
function effectiveDiscount(line, order) {
  const kept = ((100 - (line.discountPercent ?? 0)) * (100 - (order.discountPercent ?? 0))) / 100;
  return Math.round((100 - kept) * 100) / 100;
}

function isPercent(value) {
  return value >= 0 && value <= 100;
}
