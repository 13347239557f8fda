// The variables of the workflow that the rule reads.

import { Json } from "ameide-extension";

export class Lead {
  email: string;
  country: string;
  source: string;
  employees: u32;
  /** Yearly budget in whole euros; 0 where the lead named none. */
  budget: u64;
  message: string;
  /** Whether someone has taken the lead by hand, and who. */
  hasOwner: bool;
  owner: string;

  constructor(json: Json) {
    this.email = json.get("leadEmail").asString();
    this.country = json.get("leadCountry").asString();
    this.source = json.get("leadSource").orString("");
    this.employees = json.get("leadEmployees").orU32(0);
    this.budget = json.get("leadBudget").orU64(0);
    this.message = json.get("leadMessage").orString("");
    this.hasOwner = !json.get("leadOwner").isAbsent;
    this.owner = json.get("leadOwner").orString("");
  }
}
