//! Submitting, approving, rejecting: per version and environment.

use extensions_types::{Environment, FailureCause, Sha256, Version};

use super::{Case, Ruling};
use crate::{Change, Refusal, Review, VersionRecord, approvals_needed, bounds::APPROVALS_MAX};

impl Case<'_> {
    pub(super) fn submit(&self, version: Version, to: Environment) -> Ruling {
        let (record, _) = self.built(version)?;
        check_reviewed(version, to)?;
        self.check_agent_tier(record.tier())?;
        self.check_tier_not_lowered(record.tier())?;
        if let Some(review) = record.reviews.get(&to) {
            check_not_rejected(version, to, review)?;
            return Ok(None);
        }
        if record.promoted.contains(&to) {
            return Ok(None);
        }
        Ok(Some(Change::ReviewSubmitted { version, to }))
    }

    pub(super) fn approve(&self, version: Version, to: Environment, digest: Option<Sha256>) -> Ruling {
        self.check_person("approve")?;
        let (record, built) = self.built(version)?;
        let review = submitted(version, to, record)?;
        check_not_rejected(version, to, review)?;
        let own = built.component_sha256;
        if digest.is_some_and(|digest| digest != own) {
            return Err(Refusal::rule(format!("version {version} has digest {own}, another one was reviewed; review this one")));
        }
        self.check_no_push_since_approval(version, to)?;
        let person = self.caller.actor.person();
        if review.approvals.iter().any(|approval| approval.by.person() == person && approval.digest == own) {
            return Ok(None);
        }
        if review.approvals.len() >= APPROVALS_MAX {
            return Err(Refusal::rule(format!("version {version} has {APPROVALS_MAX} approvals for {to}, more are not kept; promote it")));
        }
        Ok(Some(Change::Approved { version, to, digest: own }))
    }

    pub(super) fn reject(&self, version: Version, to: Environment, why: &str) -> Ruling {
        self.check_person("reject")?;
        let record = self.usable(version)?;
        let review = submitted(version, to, record)?;
        if why.trim().is_empty() {
            return Err(Refusal::bad("a rejection needs a reason, so that its author knows what to change; say why"));
        }
        if review.rejected.is_some() {
            return Ok(None);
        }
        if record.promoted.contains(&to) {
            return Err(Refusal::rule(format!("version {version} was promoted to {to} already; roll back or disable it there")));
        }
        Ok(Some(Change::Rejected { version, to }))
    }

    /// Only a person decides, and in their own name.
    pub(super) fn check_person(&self, verb: &str) -> Result<(), Refusal> {
        if self.caller.actor.is_human() {
            return Ok(());
        }
        Err(Refusal::denied(format!("only a person may {verb}, in their own name: no agent, no service, no token with `act`; ask a reviewer")))
    }

    /// Nobody decides on their own work: whoever has pushed since the last
    /// version approved for the same environment has a hand in what is new.
    pub(super) fn check_no_push_since_approval(&self, version: Version, to: Environment) -> Result<(), Refusal> {
        let approved = self.state.versions.range(..version).rev().find(|(_, record)| record.is_approved(to)).map(|(&number, _)| number);
        let person = self.caller.actor.person();
        let Some(pushed) = self.state.pushers.iter().find(|pusher| pusher.person == person).map(|pusher| pusher.version) else {
            return Ok(());
        };
        match approved {
            Some(approved) if pushed <= approved => Ok(()),
            Some(approved) => Err(Refusal::denied(format!(
                "you pushed version {pushed} after version {approved} was approved for {to}; somebody who has not must decide on version {version}"
            ))),
            None => Err(Refusal::denied(format!(
                "you pushed version {pushed}, and none was approved for {to} since; somebody who has not must decide on version {version}"
            ))),
        }
    }

    /// As many people as the tier and the failure contract ask for have approved this component.
    pub(super) fn check_approved(&self, version: Version, record: &VersionRecord, env: Environment) -> Result<(), Refusal> {
        if let Some(review) = record.reviews.get(&env) {
            check_not_rejected(version, env, review)?;
        }
        let (tier, has, needed) = (record.tier(), record.approvals(env), record.approvals_needed(env));
        if has >= needed {
            return Ok(());
        }
        let next = if record.reviews.contains_key(&env) { "ask reviewers who have not pushed to it" } else { "submit it" };
        let people = if needed == 1 { "1 approval".to_owned() } else { format!("{needed} approvals of different people") };
        let what = if needed > approvals_needed(tier, env) {
            let causes: Vec<_> = record.draft.about.answers_for.iter().copied().map(FailureCause::as_str).collect();
            format!("has a failure contract that answers for {}, which callers can provoke,", causes.join(", "))
        } else {
            format!("is of tier {tier}")
        };
        Err(Refusal::rule(format!("version {version} {what} and needs {people} for {env}, it has {has}; {next}")))
    }
}

fn submitted(version: Version, to: Environment, record: &VersionRecord) -> Result<&Review, Refusal> {
    check_reviewed(version, to)?;
    record.reviews.get(&to).ok_or_else(|| Refusal::rule(format!("version {version} was not submitted for {to}; its author must submit it first")))
}

fn check_reviewed(version: Version, to: Environment) -> Result<(), Refusal> {
    if to == Environment::Dev {
        return Err(Refusal::rule(format!("dev needs no review; promote version {version} to it")));
    }
    Ok(())
}

fn check_not_rejected(version: Version, to: Environment, review: &Review) -> Result<(), Refusal> {
    match &review.rejected {
        None => Ok(()),
        Some(rejection) => {
            let (by, why) = (&rejection.by.sub, &rejection.why);
            Err(Refusal::rule(format!("version {version} was rejected for {to} by {by}: {why}; push a new version")))
        }
    }
}
