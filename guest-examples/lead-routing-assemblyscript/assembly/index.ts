// Scores a lead and routes it to a queue with a time to call back.
//
// Two tasks of the lead-to-order workflow share the rule: `ScoreLead` sets
// the score, `RouteLead` the score and the queue. A lead that a person has
// already taken keeps its owner.

import { Variables, log, processHook } from "ameide-extension";
import { Lead } from "./lead";
import { Score } from "./score";

export function run(task: string, lead: Lead): Variables {
  const domain = domainOf(lead.email);
  if (domain.length == 0) {
    return Variables.rejected(`\`${lead.email}\` is no e-mail address; nobody could be called back.`);
  }
  if (lead.country.length != 2) {
    return Variables.invalidInput("leadCountry is a code of two letters: DE");
  }
  const score = new Score(lead, domain);
  log.info(`lead from ${domain}: ${score.points} points`);
  if (task == "ScoreLead") return score.variables();
  if (task == "RouteLead") return route(lead, score);
  return Variables.invalidInput(`no rule for task \`${task}\`; this extension knows ScoreLead and RouteLead`);
}

/** What follows the last @, or nothing when there is no address. */
function domainOf(email: string): string {
  const at = email.lastIndexOf("@");
  const domain = at > 0 ? email.substring(at + 1) : "";
  return domain.includes(".") ? domain : "";
}

function route(lead: Lead, score: Score): Variables {
  const region = regionOf(lead.country);
  const grade = score.grade();
  let queue = "nurture";
  let hours = 72;
  if (lead.hasOwner) {
    queue = "owner-" + lead.owner;
    hours = 8;
  } else if (grade == "A") {
    queue = "enterprise-" + region;
    hours = 2;
  } else if (grade == "B") {
    queue = "sales-" + region;
    hours = 8;
  } else if (grade == "C") {
    queue = "inside-sales-" + region;
    hours = 24;
  }
  // An escalation of an earlier round is over once the lead is routed.
  return score.variables().set("leadQueue", queue).set("leadCallbackHours", hours).clear("leadEscalation");
}

function regionOf(country: string): string {
  const code = country.toUpperCase();
  if (["DE", "AT", "CH"].includes(code)) return "dach";
  if (["FR", "BE", "LU", "NL"].includes(code)) return "west";
  if (["ES", "IT", "PT", "GR"].includes(code)) return "south";
  if (["SE", "DK", "NO", "FI"].includes(code)) return "nordics";
  if (["US", "CA", "MX"].includes(code)) return "americas";
  return "international";
}

processHook(run);
