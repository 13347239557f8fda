// Write an extension: one typed function and one line that registers it.
//
//   import { Json, Verdict, domainHook } from "ameide-extension";
//
//   class Order {
//     discount: f64;
//     constructor(json: Json) {
//       this.discount = json.get("discount").orF64(0);
//     }
//   }
//
//   export function evaluate(point: string, order: Order): Verdict {
//     if (order.discount > 20) {
//       return new Verdict().error("DISCOUNT_ABOVE_CEILING", "At most 20 % is allowed.", "/discount");
//     }
//     return new Verdict().set("discountApproved", true);
//   }
//
//   domainHook(evaluate);

export { Result, Variables, Verdict } from "./answer";
export { Context, context } from "./context";
export { decimal } from "./decimal";
export { agentTool, domainHook, processHook } from "./hooks";
export { CallAnswer, call } from "./host";
export { Json } from "./json/value";
export { log } from "./log";
