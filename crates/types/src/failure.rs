//! The failure contract: what answers when an extension cannot.
//!
//! It is declared in extension.toml, reviewed with the version and carried in
//! the definition. Hosts apply it; their environment's control may only deny more.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{FailureCause, Kind};

/// A stored answer may have this many bytes of JSON: a definition with one for
/// each cause stays within its 64 KiB.
pub const DEFAULT_BYTES_MAX: usize = 4 << 10;

/// What to do for one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Tell the caller. The default.
    Deny,
    /// Answer as if the extension had nothing to say.
    Skip,
    /// Answer with this JSON.
    Default(Value),
    /// Ask the version served before, once.
    LastGood,
}

/// An action for each cause that has one; the others are denied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailureContract(BTreeMap<FailureCause, Action>);

/// A contract that cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// An empty answer that a model would take for a result.
    #[error("failure.{}: an agent_tool cannot be skipped, a model would take the empty answer for a result; use `deny` or a `default`", .0.as_str())]
    SkippedTool(FailureCause),
    /// A stored answer that is too large.
    #[error("failure.{}: the default has {bytes} bytes of JSON, at most {max} are kept; shorten it", cause.as_str())]
    TooLarge {
        /// Whose.
        cause: FailureCause,
        /// Its size.
        bytes: usize,
        /// The bound: [`DEFAULT_BYTES_MAX`], or the extension's own `output_bytes`.
        max: usize,
    },
    /// A stored answer that is none of the kind.
    #[error("failure.{}: the default is no answer of a {kind}: {problem}", cause.as_str())]
    Form {
        /// Whose.
        cause: FailureCause,
        /// What the extension is.
        kind: Kind,
        /// What it must be.
        problem: &'static str,
    },
}

impl FailureContract {
    /// The action for `cause`.
    #[must_use]
    pub fn action(&self, cause: FailureCause) -> &Action {
        self.0.get(&cause).unwrap_or(&Action::Deny)
    }

    /// The stored answers, by cause: their extension's output schema, where it
    /// has one, is for whoever can validate.
    pub fn defaults(&self) -> impl Iterator<Item = (FailureCause, &Value)> {
        self.0.iter().filter_map(|(&cause, action)| match action {
            Action::Default(answer) => Some((cause, answer)),
            Action::Deny | Action::Skip | Action::LastGood => None,
        })
    }

    /// The causes that callers can bring about and that something answers for:
    /// whoever may call may choose that answer, so people review it.
    #[must_use]
    pub fn provokable(&self) -> BTreeSet<FailureCause> {
        let answered = self.0.iter().filter(|(cause, action)| cause.is_provokable() && **action != Action::Deny);
        answered.map(|(&cause, _)| cause).collect()
    }

    /// Checks the contract of an extension of `kind` whose answers have at most `output_bytes`.
    ///
    /// # Errors
    /// Refuses `skip` for an agent tool, and stored answers that are too large
    /// or that no extension of the kind could give.
    pub fn check(&self, kind: Kind, output_bytes: u32) -> Result<(), ContractError> {
        let skipped = self.0.iter().find(|(_, action)| **action == Action::Skip);
        if let (Kind::AgentTool, Some((&cause, _))) = (kind, skipped) {
            return Err(ContractError::SkippedTool(cause));
        }
        let max = DEFAULT_BYTES_MAX.min(output_bytes as usize);
        for (cause, answer) in self.defaults() {
            let bytes = answer.to_string().len();
            if bytes > max {
                return Err(ContractError::TooLarge { cause, bytes, max });
            }
            check_form(kind, answer).map_err(|problem| ContractError::Form { cause, kind, problem })?;
        }
        Ok(())
    }
}

/// The wire form of a kind's answers.
fn check_form(kind: Kind, answer: &Value) -> Result<(), &'static str> {
    match (kind, answer) {
        // Its output schema says more.
        (Kind::AgentTool, _) | (Kind::ProcessHook, Value::Object(_)) => Ok(()),
        (Kind::ProcessHook, _) => Err("it must be an object of variables"),
        (Kind::DomainHook, Value::Object(verdict)) => check_verdict(verdict),
        (Kind::DomainHook, _) => Err("it must be an object with `ok`"),
    }
}

fn check_verdict(verdict: &Map<String, Value>) -> Result<(), &'static str> {
    if !verdict.get("ok").is_some_and(Value::is_boolean) {
        return Err("`ok` must be true or false");
    }
    if !verdict.get("derivedFields").is_none_or(Value::is_object) {
        return Err("`derivedFields` must be an object");
    }
    if !verdict.get("messages").is_none_or(|messages| messages.as_array().is_some_and(|all| all.iter().all(is_message))) {
        return Err("`messages` must be a list of {code, severity, text, path}, with severity info, warning or error");
    }
    if verdict.keys().any(|key| !["ok", "messages", "derivedFields"].contains(&key.as_str())) {
        return Err("it may hold `ok`, `messages` and `derivedFields` only");
    }
    Ok(())
}

fn is_message(message: &Value) -> bool {
    let Some(fields) = message.as_object() else { return false };
    let texts = ["code", "severity", "text", "path"].iter().all(|key| fields.get(*key).is_some_and(Value::is_string));
    let severity = fields.get("severity").and_then(Value::as_str);
    texts && fields.len() == 4 && severity.is_some_and(|severity| ["info", "warning", "error"].contains(&severity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(text: &str) -> FailureContract {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn reads_what_extension_toml_says_and_denies_the_rest() {
        let contract = contract("timeout = \"skip\"\ntrap = { default = { ok = true } }\n");
        assert_eq!(contract.action(FailureCause::Timeout), &Action::Skip);
        assert_eq!(contract.action(FailureCause::Trap), &Action::Default(serde_json::json!({"ok": true})));
        assert_eq!(contract.action(FailureCause::Quota), &Action::Deny);
        assert!(toml::from_str::<FailureContract>("rejected = \"skip\"").is_err(), "a rejection never falls back");
    }

    #[test]
    fn a_tool_is_never_skipped() {
        let contract = contract("timeout = \"skip\"");
        assert_eq!(contract.check(Kind::AgentTool, 100), Err(ContractError::SkippedTool(FailureCause::Timeout)));
        assert!(contract.check(Kind::DomainHook, 100).is_ok());
    }

    #[test]
    fn a_stored_answer_has_the_kinds_form() {
        let refused = |kind, answer: &str| match contract(&format!("failed = {{ default = {answer} }}")).check(kind, 1_000) {
            Err(ContractError::Form { problem, .. }) => problem,
            other => panic!("{answer}: {other:?}"),
        };
        for answer in ["{}", "{ ok = 1 }", "{ messages = [] }"] {
            assert_eq!(refused(Kind::DomainHook, answer), "`ok` must be true or false", "{answer}");
        }
        assert_eq!(refused(Kind::DomainHook, "[1]"), "it must be an object with `ok`");
        assert_eq!(refused(Kind::DomainHook, "{ ok = true, derivedFields = 1 }"), "`derivedFields` must be an object");
        assert_eq!(refused(Kind::DomainHook, "{ ok = true, derived = {} }"), "it may hold `ok`, `messages` and `derivedFields` only");
        for message in ["1", "{ code = \"c\" }", "{ code = \"c\", severity = \"bad\", text = \"t\", path = \"\" }"] {
            assert!(refused(Kind::DomainHook, &format!("{{ ok = true, messages = [{message}] }}")).starts_with("`messages` must be"), "{message}");
        }
        assert_eq!(refused(Kind::ProcessHook, "1"), "it must be an object of variables");
        let whole = "{ ok = false, derivedFields = { a = 1 }, messages = [{ code = \"c\", severity = \"error\", text = \"t\", path = \"/a\" }] }";
        assert_eq!(contract(&format!("failed = {{ default = {whole} }}")).check(Kind::DomainHook, 1_000), Ok(()));
        assert_eq!(contract("failed = { default = 1 }").check(Kind::AgentTool, 1_000), Ok(()));
    }

    #[test]
    fn a_stored_answer_is_bounded() {
        let check = |bytes: usize, output_bytes| {
            contract(&format!("limit = {{ default = \"{}\" }}", "x".repeat(bytes - 2))).check(Kind::AgentTool, output_bytes)
        };
        assert_eq!(check(DEFAULT_BYTES_MAX, u32::MAX), Ok(()));
        let cause = FailureCause::Limit;
        assert_eq!(
            check(DEFAULT_BYTES_MAX + 1, u32::MAX),
            Err(ContractError::TooLarge { cause, bytes: DEFAULT_BYTES_MAX + 1, max: DEFAULT_BYTES_MAX })
        );
        assert_eq!(check(101, 100), Err(ContractError::TooLarge { cause, bytes: 101, max: 100 }));
    }

    #[test]
    fn what_callers_can_provoke_is_named() {
        let all = FailureCause::ALL.map(|cause| format!("{} = \"skip\"\n", cause.as_str())).concat();
        let provokable: Vec<_> = contract(&all).provokable().into_iter().map(FailureCause::as_str).collect();
        assert_eq!(provokable, ["trap", "timeout", "limit", "missing", "circuit", "overload", "quota"]);
        assert!(contract("quota = \"deny\"\nfailed = \"skip\"").provokable().is_empty());
    }
}
