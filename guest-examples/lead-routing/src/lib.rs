//! Scores a lead and routes it to a queue with a time to call back.
//!
//! Two tasks of the lead-to-order workflow share the rule: `ScoreLead` sets
//! the score, `RouteLead` the score and the queue. A lead that a person has
//! already taken keeps its owner.
#![forbid(unsafe_code)]

use ameide_extension::{HookError, log, process_hook};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Lead {
    lead_email: String,
    lead_country: String,
    #[serde(default)]
    lead_source: Source,
    #[serde(default)]
    lead_employees: u32,
    /// Yearly budget in whole euros, where the lead named one.
    lead_budget: Option<u64>,
    #[serde(default)]
    lead_message: String,
    /// Who has taken the lead by hand.
    lead_owner: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Source {
    Referral,
    Event,
    Web,
    #[default]
    #[serde(other)]
    Unknown,
}

/// The variables to set. An absent one stays as it is, null clears it.
#[derive(Serialize, Default, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Decision {
    lead_score: u32,
    lead_grade: &'static str,
    lead_reasons: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_callback_hours: Option<u32>,
    /// An escalation of an earlier round is over once the lead is routed.
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_escalation: Option<()>,
}

#[process_hook]
fn run(task: &str, lead: Lead) -> Result<Decision, HookError> {
    let Some((_, domain)) = lead.lead_email.rsplit_once('@').filter(|(name, domain)| !name.is_empty() && domain.contains('.')) else {
        return Err(HookError::rejected(format!("`{}` is no e-mail address; nobody could be called back.", lead.lead_email)));
    };
    if lead.lead_country.len() != 2 {
        return Err(HookError::invalid_input("leadCountry is a code of two letters: DE"));
    }
    let score = Score::of(&lead, domain);
    log::info!("lead from {domain}: {} points", score.points);
    match task {
        "ScoreLead" => Ok(score.decision()),
        "RouteLead" => Ok(route(&lead, score)),
        other => Err(HookError::invalid_input(format!("no rule for task `{other}`; this extension knows ScoreLead and RouteLead"))),
    }
}

/// Points with the reasons for them.
struct Score {
    points: u32,
    reasons: Vec<&'static str>,
}

impl Score {
    fn of(lead: &Lead, domain: &str) -> Self {
        let mut score = Self { points: 0, reasons: Vec::new() };
        match lead.lead_employees {
            1_000.. => score.add(35, "large company"),
            100.. => score.add(25, "mid-size company"),
            10.. => score.add(10, "small company"),
            _ => {}
        }
        match lead.lead_budget {
            Some(100_000..) => score.add(30, "budget from 100k"),
            Some(20_000..) => score.add(20, "budget from 20k"),
            _ => {}
        }
        match lead.lead_source {
            Source::Referral => score.add(20, "referral"),
            Source::Event => score.add(10, "met at an event"),
            Source::Web | Source::Unknown => {}
        }
        if is_urgent(&lead.lead_message) {
            score.add(15, "urgent");
        }
        if is_private(domain) {
            score.points = score.points.saturating_sub(20);
            score.reasons.push("private address");
        }
        score
    }

    fn add(&mut self, points: u32, reason: &'static str) {
        self.points += points;
        self.reasons.push(reason);
    }

    fn grade(&self) -> &'static str {
        match self.points {
            70.. => "A",
            40.. => "B",
            15.. => "C",
            _ => "D",
        }
    }

    fn decision(&self) -> Decision {
        Decision { lead_score: self.points, lead_grade: self.grade(), lead_reasons: self.reasons.join(", "), ..Decision::default() }
    }
}

fn route(lead: &Lead, score: Score) -> Decision {
    let region = region(&lead.lead_country);
    let (queue, hours) = match (score.grade(), lead.lead_owner.as_deref()) {
        (_, Some(owner)) => (format!("owner-{owner}"), 8),
        ("A", None) => (format!("enterprise-{region}"), 2),
        ("B", None) => (format!("sales-{region}"), 8),
        ("C", None) => (format!("inside-sales-{region}"), 24),
        _ => ("nurture".to_owned(), 72),
    };
    Decision { lead_queue: Some(queue), lead_callback_hours: Some(hours), lead_escalation: Some(()), ..score.decision() }
}

fn region(country: &str) -> &'static str {
    match country.to_ascii_uppercase().as_str() {
        "DE" | "AT" | "CH" => "dach",
        "FR" | "BE" | "LU" | "NL" => "west",
        "ES" | "IT" | "PT" | "GR" => "south",
        "SE" | "DK" | "NO" | "FI" => "nordics",
        "US" | "CA" | "MX" => "americas",
        _ => "international",
    }
}

fn is_urgent(message: &str) -> bool {
    let message = message.to_lowercase();
    ["urgent", "asap", "this week", "dringend"].iter().any(|word| message.contains(word))
}

fn is_private(domain: &str) -> bool {
    ["gmail.com", "gmx.de", "outlook.com", "yahoo.com", "web.de"].contains(&domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(employees: u32, budget: u64) -> Lead {
        Lead {
            lead_email: "a@firm.example".into(),
            lead_country: "AT".into(),
            lead_employees: employees,
            lead_budget: Some(budget),
            ..Lead::default()
        }
    }

    #[test]
    fn grades_follow_points() {
        let grade = |employees, budget| Score::of(&lead(employees, budget), "firm.example").grade();
        assert_eq!([grade(5_000, 200_000), grade(200, 30_000), grade(200, 0), grade(5, 0)], ["B", "B", "C", "D"]);
    }

    #[test]
    fn an_owner_keeps_the_lead() {
        let owned = Lead { lead_owner: Some("kim".into()), ..lead(5_000, 200_000) };
        assert_eq!(run("RouteLead", owned).unwrap().lead_queue.as_deref(), Some("owner-kim"));
    }
}
