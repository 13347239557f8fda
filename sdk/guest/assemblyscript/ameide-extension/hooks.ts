// What the author registers: one typed function.

import * as fault from "./fault";
import { Answer, Result, Variables, Verdict } from "./answer";
import { Json } from "./json/value";

/** A registered function, whatever its types. */
export abstract class Hook {
  /** Which key of the platform's envelope holds the input, and which the name that comes with it. */
  constructor(public bodyKey: string, public nameKey: string) {}
  /** Null when the input does not fit the function's type. */
  abstract answer(name: string, body: Json): Answer | null;
}

let hook: Hook | null = null;

export function registered(): Hook | null {
  return hook;
}

/** The input as the function's type: a Json as it is, a class through its constructor. */
function input<T>(body: Json): T {
  if (idof<T>() == idof<Json>()) return changetype<T>(body);
  return instantiate<T>(body); // the class of the input needs: constructor(json: Json)
}

/** Registers the rule of a domain hook: it judges `entity` at the hook point `point`. */
export function domainHook<T>(evaluate: (point: string, entity: T) => Verdict): void {
  hook = new DomainHook<T>(evaluate);
}

class DomainHook<T> extends Hook {
  constructor(private evaluate: (point: string, entity: T) => Verdict) {
    super("entity", "point");
  }
  answer(name: string, body: Json): Answer | null {
    const entity = input<T>(body);
    return fault.noted() ? null : this.evaluate(name, entity);
  }
}

/** Registers the rule of a process hook: it sets variables of the workflow in the task `task`. */
export function processHook<T>(run: (task: string, variables: T) => Variables): void {
  hook = new ProcessHook<T>(run);
}

class ProcessHook<T> extends Hook {
  constructor(private run: (task: string, variables: T) => Variables) {
    super("variables", "task");
  }
  answer(name: string, body: Json): Answer | null {
    const variables = input<T>(body);
    return fault.noted() ? null : this.run(name, variables);
  }
}

/** Registers an agent's tool; extension.toml says what it is called and what it takes. */
export function agentTool<T>(call: (args: T) => Result): void {
  hook = new AgentTool<T>(call);
}

class AgentTool<T> extends Hook {
  constructor(private call: (args: T) => Result) {
    super("arguments", "");
  }
  answer(name: string, body: Json): Answer | null {
    const args = input<T>(body);
    return fault.noted() ? null : this.call(args);
  }
}
