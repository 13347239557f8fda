//! The failure contract as one decision: which action answers for a failure.
//! Pure: who failed and how comes in, what to do goes out.

use extensions_types::{Action, CauseSet, ErrorCode, FailureCause, FailureContract, Kind};
use serde_json::Value;

/// What a version's failure means for its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) code: ErrorCode,
    /// Whether a host call was or may have been issued.
    pub(crate) issued: bool,
}

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decision<'c> {
    /// Nothing: the caller gets the failure.
    Deny,
    /// The kind's empty answer.
    Skip(FailureCause),
    /// The stored answer.
    Default(FailureCause, &'c Value),
    /// The last good version, once.
    LastGood(FailureCause),
}

/// What `contract` says of a failure, where its environment denies `denied`.
pub(crate) fn decide(failed: Failed, kind: Kind, contract: &FailureContract, denied: CauseSet) -> Decision<'_> {
    if failed.code == ErrorCode::Deadline {
        // Nobody waits for the answer.
        return Decision::Deny;
    }
    let Some(cause) = failed.code.cause().filter(|&cause| !denied.contains(cause)) else { return Decision::Deny };
    match contract.action(cause) {
        Action::Deny => Decision::Deny,
        // Refused at publish already: a model would take it for a result.
        Action::Skip if kind == Kind::AgentTool => Decision::Deny,
        Action::Skip => Decision::Skip(cause),
        Action::Default(json) => Decision::Default(cause, json),
        // It could do again what the failed one did.
        Action::LastGood if failed.issued => Decision::Deny,
        Action::LastGood => Decision::LastGood(cause),
    }
}

/// The empty answer of a kind.
pub(crate) const fn skipped(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::DomainHook => br#"{"ok":true}"#,
        Kind::ProcessHook | Kind::AgentTool => b"{}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract(cause: FailureCause, action: &str) -> FailureContract {
        let action = match action {
            "default" => json!({"default": {"net": 1}}),
            other => json!(other),
        };
        serde_json::from_value(json!({ cause.as_str(): action })).unwrap()
    }

    fn decided(code: ErrorCode, issued: bool, kind: Kind, contract: &FailureContract, denied: CauseSet) -> &'static str {
        match decide(Failed { code, issued }, kind, contract, denied) {
            Decision::Deny => "deny",
            Decision::Skip(_) => "skip",
            Decision::Default(_, json) => {
                assert_eq!(*json, json!({"net": 1}));
                "default"
            }
            Decision::LastGood(_) => "last_good",
        }
    }

    /// Every code × every cause with an action × every action.
    #[test]
    fn every_cause_and_action_is_a_row() {
        let never = ["REJECTED", "INVALID_INPUT", "DEADLINE"];
        for &code in ErrorCode::ALL {
            for cause in FailureCause::ALL {
                for action in ["deny", "skip", "default", "last_good"] {
                    let contract = contract(cause, action);
                    let decided = |issued, kind, denied| decided(code, issued, kind, &contract, denied);
                    let applies = code.cause() == Some(cause) && !never.contains(&code.as_str());
                    let expected = if applies { action } else { "deny" };
                    let row = format!("{code} under {} = {action}", cause.as_str());
                    assert_eq!(decided(false, Kind::DomainHook, CauseSet::NONE), expected, "{row}");
                    assert_eq!(decided(false, Kind::ProcessHook, CauseSet::ALL), "deny", "{row}, all denied");
                    assert_eq!(decided(false, Kind::DomainHook, CauseSet::NONE.with(cause)), "deny", "{row}, denied");
                    let others = FailureCause::ALL.iter().filter(|&&other| other != cause).collect();
                    assert_eq!(decided(false, Kind::DomainHook, others), expected, "{row}, others denied");
                    let once = if expected == "last_good" { "deny" } else { expected };
                    assert_eq!(decided(true, Kind::ProcessHook, CauseSet::NONE), once, "{row}, after a host call");
                    let tool = if expected == "skip" { "deny" } else { expected };
                    assert_eq!(decided(false, Kind::AgentTool, CauseSet::NONE), tool, "{row}, of a tool");
                }
            }
        }
    }

    #[test]
    fn what_says_nothing_is_denied() {
        for &code in ErrorCode::ALL {
            assert_eq!(decided(code, false, Kind::DomainHook, &FailureContract::default(), CauseSet::NONE), "deny", "{code}");
        }
    }

    #[test]
    fn an_empty_answer_has_the_kinds_form() {
        assert_eq!((skipped(Kind::DomainHook), skipped(Kind::ProcessHook)), (&br#"{"ok":true}"#[..], &b"{}"[..]));
    }
}
