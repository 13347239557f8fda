// Calls to platform APIs, under the caller's identity.
//
// Only methods that extension.toml declares are answered. A guest that never
// names call() does not import host calls at all.

import { host_call } from "./imports";
import { parse, parseError } from "./json/parse";
import { Json } from "./json/value";
import { Writer } from "./json/write";

/** What a platform API answered, or why it did not. */
@final
export class CallAnswer {
  /** `denied`, `budget_exhausted`, `not_found`, `failed` or `deadline`; empty when there is an answer. */
  error: string = "";
  /** What the platform says about the error. */
  text: string = "";
  /** The answer; null for none. */
  value: Json = Json.nil();

  get isOk(): bool {
    return this.error.length == 0;
  }

  /** The error in words. */
  toString(): string {
    return "host call: " + this.error + (this.text.length > 0 ? ": " + this.text : "");
  }
}

/** Calls `method` of `service`; the request is anything that Json.of takes. */
export function call<T>(service: string, method: string, request: T): CallAnswer {
  return send(Json.object().set("service", service).set("method", method).set<T>("request", request));
}

function send(request: Json): CallAnswer {
  const out = new Writer();
  out.json(request, 0);
  const at = host_call(out.ptr, out.len);
  const answer = new CallAnswer();
  const json = parse(<usize>(at >>> 32), <i32>at);
  if (json == null) {
    answer.error = "failed";
    answer.text = "the answer is no JSON: " + parseError();
    return answer;
  }
  if (json.has("ok")) {
    answer.value = json.get("ok");
    answer.value.parent = null;
    return answer;
  }
  const error = json.get("error");
  const kinds = error.isObject ? error.keys() : [];
  answer.error = kinds.length == 1 ? kinds[0] : "failed";
  answer.text = kinds.length == 1 ? error.get(kinds[0]).orString("") : json.toString();
  return answer;
}
