//! Applies the failure contract: answers in place of a version that could not.

use bytes::Bytes;
use extensions_engine::{Outcome, Stats};
use extensions_types::{CauseSet, ErrorCode, ExtensionDefinition, FailureCause, Fallback, FallbackAction, Refusal, Version};

use crate::{
    Admission, Answer,
    allowed::allowed,
    contract::{Decision, Failed, decide, skipped},
    resolving::Resolved,
    underway::{Fault, Underway},
};

impl Admission {
    /// What the caller gets of `found`, which did not answer.
    pub(crate) async fn fall_back(&self, call: &Underway<'_>, found: &Resolved, fault: Fault) -> Result<Answer, Refusal> {
        let version = &found.version.definition;
        let decision = match fault.code() {
            // Who may not run it gets no answer in its place either.
            Some(_) if allowed(call.request.principal, call.context(), version).is_err() => Decision::Deny,
            Some(code) => decide(Failed { code, issued: fault.issued() }, version.kind, &version.failure, self.denied_causes(call, found)),
            None => Decision::Deny,
        };
        let (cause, action, answered) = match decision {
            Decision::Deny => return denied(call, found, fault),
            Decision::Skip(cause) => (cause, FallbackAction::Skip, Some(Bytes::from_static(skipped(version.kind)))),
            Decision::Default(cause, json) => (cause, FallbackAction::Default, Some(Bytes::from(json.to_string()))),
            Decision::LastGood(cause) => (cause, FallbackAction::LastGood, None),
        };
        match answered {
            Some(output) => {
                let stats = stats(&fault);
                Ok(self.answered(call, &fault, (cause, action), Answered { result: output, served: version.version, stats }))
            }
            None => self.ask_last_good(call, found, fault, cause).await,
        }
    }

    /// The last good version's own run, under its own limits, quota and switches.
    async fn ask_last_good(&self, call: &Underway<'_>, found: &Resolved, fault: Fault, cause: FailureCause) -> Result<Answer, Refusal> {
        let Some(good) = found.entry.last_good(found.version.definition.version) else {
            self.fallbacks.failed(cause);
            return denied(call, found, fault);
        };
        let served = good.definition.version;
        match self.attempt(call, good).await {
            Ok(Outcome { result: Ok(result), stats, .. }) => {
                Ok(self.answered(call, &fault, (cause, FallbackAction::LastGood), Answered { result, served, stats }))
            }
            // A rejection is an answer, too, and its text is for the user. It has an
            // error code, so it does not say that it is a fallback.
            Ok(Outcome { result: Err(failure), stats, .. }) if failure.code == ErrorCode::Rejected => {
                let answered = self.answered(call, &fault, (cause, FallbackAction::LastGood), Answered { result: Bytes::new(), served, stats });
                Ok(Answer { result: Err(failure), fallback: None, ..answered })
            }
            Ok(_) | Err(_) => {
                self.fallbacks.failed(cause);
                denied(call, found, fault)
            }
        }
    }

    fn answered(&self, call: &Underway<'_>, fault: &Fault, (cause, action): (FailureCause, FallbackAction), answered: Answered) -> Answer {
        let Answered { result, served, stats } = answered;
        let fallback = Fallback { action, cause, message: fault.message().to_owned() };
        self.fallbacks.answered(cause, action);
        call.account.fell_back(&fallback, served);
        Answer { result: Ok(result), served_version: served, correlation: call.context().correlation.clone(), stats, fallback: Some(fallback) }
    }

    /// What the environment lets no contract answer for.
    fn denied_causes(&self, call: &Underway<'_>, found: &Resolved) -> CauseSet {
        let catalog = self.catalogs().get(call.context().env);
        catalog.map_or(CauseSet::ALL, |catalog| catalog.denied_causes(&call.context().tenant, &found.version.definition.id))
    }
}

/// An answer that a fallback gave.
struct Answered {
    result: Bytes,
    served: Version,
    stats: Stats,
}

/// The failure as it is.
fn denied(call: &Underway<'_>, found: &Resolved, fault: Fault) -> Result<Answer, Refusal> {
    match fault {
        Fault::Failed(outcome) => Ok(answer(call, &found.version.definition, outcome)),
        Fault::Stopped(stopped) => Err(stopped.refusal),
    }
}

/// What a version itself gave.
pub(crate) fn answer(call: &Underway<'_>, version: &ExtensionDefinition, outcome: Outcome) -> Answer {
    let Outcome { result, stats, .. } = outcome;
    Answer { result, served_version: version.version, correlation: call.context().correlation.clone(), stats, fallback: None }
}

fn stats(fault: &Fault) -> Stats {
    match fault {
        Fault::Failed(outcome) => outcome.stats,
        Fault::Stopped(_) => Stats::default(),
    }
}
