// Converts lengths between units.

import { Json, Result, agentTool } from "ameide-extension";

/** The units that schemas/input.json names, and their lengths in metres. */
const UNITS: string[] = ["metre", "foot", "mile"];
const METRES: f64[] = [1, 0.3048, 1609.344];

/** What the model gives; schemas/input.json says the same. */
class Conversion {
  value: f64;
  from: i32;
  to: i32;

  constructor(json: Json) {
    this.value = json.get("value").asF64();
    this.from = json.get("from").asOneOf(UNITS);
    this.to = json.get("to").asOneOf(UNITS);
  }
}

export function call(conversion: Conversion): Result {
  if (conversion.value < 0) {
    return Result.rejected("A length is not negative.");
  }
  // schemas/output.json says what comes out.
  return new Result(Json.object().set("value", conversion.value * METRES[conversion.from] / METRES[conversion.to]));
}

agentTool(call);
