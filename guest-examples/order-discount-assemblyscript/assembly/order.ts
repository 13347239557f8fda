// The fields of an order that the rule reads.

import { Json } from "ameide-extension";

/** In the order of their names below. */
export enum Tier {
  Bronze,
  Silver,
  Gold,
  Platinum,
}

export class Order {
  tier: Tier;
  /** Percent off the whole order, on top of the lines' own. */
  discountPercent: f64;
  lines: Line[] = [];

  constructor(json: Json) {
    this.tier = json.get("customer").get("tier").asOneOf(["bronze", "silver", "gold", "platinum"]);
    this.discountPercent = json.get("discountPercent").orF64(0);
    const lines = json.get("lines").items();
    for (let i = 0; i < lines.length; ++i) this.lines.push(new Line(lines[i]));
  }
}

export class Line {
  sku: string;
  quantity: u32;
  unitPrice: i64;
  discountPercent: f64;

  constructor(json: Json) {
    this.sku = json.get("sku").asString();
    this.quantity = json.get("quantity").asU32();
    this.unitPrice = json.get("unitPrice").asI64();
    this.discountPercent = json.get("discountPercent").orF64(0);
  }

  /** Beyond the largest number it stays there; a price is not negative here. */
  gross(): i64 {
    const quantity = <i64>this.quantity;
    return quantity > 0 && this.unitPrice > i64.MAX_VALUE / quantity ? i64.MAX_VALUE : this.unitPrice * quantity;
  }

  /** The line's discount and the order's, one after the other, in percent to two places. */
  effectiveDiscount(order: Order): f64 {
    const kept = (100 - this.discountPercent) * (100 - order.discountPercent) / 100;
    return Math.round((100 - kept) * 100) / 100;
  }
}
