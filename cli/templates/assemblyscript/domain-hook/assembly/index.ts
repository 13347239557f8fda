// Keeps the quantity of an order within its bound.

import { Json, Verdict, domainHook, log } from "ameide-extension";

/** More than this needs a person. */
const QUANTITY_MAX: u32 = 100;

/** The fields of the entity that the rule reads. */
class Order {
  quantity: u32;

  constructor(json: Json) {
    this.quantity = json.get("quantity").asU32();
  }
}

export function evaluate(point: string, order: Order): Verdict {
  log.info(`${point}: judging ${order.quantity} pieces`);
  if (order.quantity > QUANTITY_MAX) {
    return new Verdict().error("QUANTITY_TOO_LARGE", `At most ${QUANTITY_MAX} pieces can be ordered at once.`, "/quantity");
  }
  return new Verdict().set("reviewed", true);
}

domainHook(evaluate);
