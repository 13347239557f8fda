// Points with the reasons for them.

import { Variables } from "ameide-extension";
import { Lead } from "./lead";

const URGENT: string[] = ["urgent", "asap", "this week", "dringend"];
const PRIVATE: string[] = ["gmail.com", "gmx.de", "outlook.com", "yahoo.com", "web.de"];

export class Score {
  points: u32 = 0;
  reasons: string[] = [];

  constructor(lead: Lead, domain: string) {
    if (lead.employees >= 1000) this.add(35, "large company");
    else if (lead.employees >= 100) this.add(25, "mid-size company");
    else if (lead.employees >= 10) this.add(10, "small company");
    if (lead.budget >= 100_000) this.add(30, "budget from 100k");
    else if (lead.budget >= 20_000) this.add(20, "budget from 20k");
    if (lead.source == "referral") this.add(20, "referral");
    else if (lead.source == "event") this.add(10, "met at an event");
    if (isUrgent(lead.message)) this.add(15, "urgent");
    if (PRIVATE.includes(domain)) {
      this.points = this.points > 20 ? this.points - 20 : 0;
      this.reasons.push("private address");
    }
  }

  grade(): string {
    if (this.points >= 70) return "A";
    if (this.points >= 40) return "B";
    return this.points >= 15 ? "C" : "D";
  }

  variables(): Variables {
    return new Variables().set("leadScore", this.points).set("leadGrade", this.grade()).set("leadReasons", this.reasons.join(", "));
  }

  private add(points: u32, reason: string): void {
    this.points += points;
    this.reasons.push(reason);
  }
}

function isUrgent(message: string): bool {
  const text = message.toLowerCase();
  for (let i = 0; i < URGENT.length; ++i) {
    if (text.includes(URGENT[i])) return true;
  }
  return false;
}
