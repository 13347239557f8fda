//! The failure contract: what answers when an extension cannot.
//!
//! It is declared in extension.toml, reviewed with the version and carried in
//! the definition. Until admission applies it, every host acts as `deny`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FailureCause, Kind};

/// What to do for one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Tell the caller. The default.
    Deny,
    /// Answer as if the extension had nothing to say.
    Skip,
    /// Answer with this JSON.
    Default(serde_json::Value),
    /// Ask the version served before, once.
    LastGood,
}

/// An action for each cause that has one; the others are denied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailureContract(BTreeMap<FailureCause, Action>);

/// An action that the kind does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failure.{}: an agent_tool cannot be skipped, a model would take the empty answer for a result; use `deny` or a `default`", cause.as_str())]
pub struct SkippedTool {
    cause: FailureCause,
}

impl FailureContract {
    /// The action for `cause`.
    #[must_use]
    pub fn action(&self, cause: FailureCause) -> &Action {
        self.0.get(&cause).unwrap_or(&Action::Deny)
    }

    /// Checks the contract against the extension's kind.
    ///
    /// # Errors
    /// Refuses `skip` for an agent tool.
    pub fn check(&self, kind: Kind) -> Result<(), SkippedTool> {
        let skipped = self.0.iter().find(|(_, action)| **action == Action::Skip);
        match (kind, skipped) {
            (Kind::AgentTool, Some((&cause, _))) => Err(SkippedTool { cause }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_extension_toml_says_and_denies_the_rest() {
        let contract: FailureContract = toml::from_str("timeout = \"skip\"\ntrap = { default = { ok = true } }\n").unwrap();
        assert_eq!(contract.action(FailureCause::Timeout), &Action::Skip);
        assert_eq!(contract.action(FailureCause::Trap), &Action::Default(serde_json::json!({"ok": true})));
        assert_eq!(contract.action(FailureCause::Quota), &Action::Deny);
        assert!(toml::from_str::<FailureContract>("rejected = \"skip\"").is_err(), "a rejection never falls back");
    }

    #[test]
    fn a_tool_is_never_skipped() {
        let contract: FailureContract = toml::from_str("timeout = \"skip\"").unwrap();
        assert!(contract.check(Kind::AgentTool).is_err());
        assert!(contract.check(Kind::DomainHook).is_ok());
    }
}
