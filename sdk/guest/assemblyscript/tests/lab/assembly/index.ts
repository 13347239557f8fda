// The SDK's functions within reach of a test: `{"op": …, "value": …}`.

import { Json, Result, agentTool, call as hostCall, context, decimal, log } from "ameide-extension";

/** A copy that passes every text and number through AssemblyScript's own types. */
function rebuilt(value: Json): Json {
  if (value.isObject) {
    const copy = Json.object();
    const keys = value.keys();
    for (let i = 0; i < keys.length; ++i) copy.set(keys[i], rebuilt(value.get(keys[i])));
    return copy;
  }
  if (value.isArray) {
    const copy = Json.array();
    const items = value.items();
    for (let i = 0; i < items.length; ++i) copy.push(rebuilt(items[i]));
    return copy;
  }
  if (value.isString) return Json.of(value.asString());
  if (value.isNumber) return Json.of(value.asF64());
  if (value.isBool) return Json.of(value.asBool());
  return Json.nil();
}

function typed(): Json {
  const names: string[] = ["a", "b\"c"];
  const numbers: f64[] = [1.5, -0.25];
  const missing: string | null = null;
  return Json.object()
    .set("i32", <i32>-5)
    .set("u64", u64.MAX_VALUE)
    .set("i64", i64.MIN_VALUE)
    .set("f64", 0.1)
    .set("f32", <f32>0.5)
    .set("yes", true)
    .set("no", 1 > 2)
    .set("names", names)
    .set("numbers", numbers)
    .set("missing", missing)
    .set("again", 1)
    .set("again", 2);
}

/** A chain of arrays. */
function nested(depth: i32): Json {
  let value = Json.array();
  for (let i = 1; i < depth; ++i) value = Json.array().push(value);
  return value;
}

export function call(args: Json): Result {
  const op = args.get("op").asString();
  const value = args.get("value");
  if (op == "echo") return new Result(value);
  if (op == "rebuild") return new Result(rebuilt(value));
  if (op == "f64") return Result.of(reinterpret<u64>(value.asF64()).toString(16));
  if (op == "i64") return Result.of(value.asI64().toString());
  if (op == "u64") return Result.of(value.asU64().toString());
  if (op == "i32") return Result.of(value.asI32());
  if (op == "u32") return Result.of(value.asU32());
  if (op == "bool") return Result.of(value.asBool());
  if (op == "string") return Result.of(value.asString());
  if (op == "choice") return Result.of(value.get("unit").orOneOf(["metre", "foot"], -1));
  if (op == "or") return Result.of(value.get("x").orString("none"));
  if (op == "deep") return Result.of(value.get("list").at(1).get("a/b~c").asU32());
  if (op == "missing") return Result.of(value.get("list").at(1).get("count").asU32());
  if (op == "typed") return new Result(typed());
  if (op == "text") return Result.of(value.toString());
  if (op == "decimal") return Result.of(decimal(value.asF64()));
  if (op == "parse") {
    const parsed = Json.parse(value.asString());
    return parsed == null ? Result.rejected(Json.error) : new Result(parsed);
  }
  if (op == "foreign") return Result.of(Json.parse("{\"a\":1}")!.get("a").asString());
  if (op == "nan") return Result.of(0.0 / value.asF64());
  if (op == "nested") return new Result(nested(value.asI32()));
  if (op == "half") return Result.of("a" + String.fromCharCode(0xd800) + "b");
  if (op == "rejected") return Result.rejected(value.asString());
  if (op == "invalid") return Result.invalidInput(value.asString());
  if (op == "failed") return Result.failed(value.asString());
  if (op == "context") return Result.of(context().tenantId + "/" + context().version.toString());
  if (op == "log") {
    log.trace("0");
    log.debug("1");
    log.info("2");
    log.warn("3");
    log.error(value.asString());
    return Result.of(true);
  }
  if (op == "host") {
    const answer = hostCall("orders", "get", value);
    return answer.isOk ? new Result(answer.value) : Result.failed(answer.toString());
  }
  if (op == "throw") throw new Error(value.asString());
  if (op == "fill") return Result.of("x".repeat(value.asI32()));
  return Result.invalidInput("no op " + op);
}

agentTool(call);
