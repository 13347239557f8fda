// Decides whether a request needs an approval, and whose.

import { Json, Variables, log, processHook } from "ameide-extension";

/** The workflow's variables that the rule reads. */
class Request {
  amount: Json;

  constructor(json: Json) {
    this.amount = json.get("amount");
  }
}

export function run(task: string, request: Request): Variables {
  if (request.amount.isAbsent) {
    return Variables.rejected("A request needs an amount.");
  }
  const amount = request.amount.asF64();
  log.info(`${task}: deciding on ${amount}`);
  const needsApproval = amount >= 1000;
  return new Variables().set("needsApproval", needsApproval).set("approver", needsApproval ? "team-lead" : "nobody");
}

processHook(run);
