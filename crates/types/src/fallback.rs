//! What an answer says of itself when the failure contract gave it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::FailureCause;

/// What answered in place of an extension that could not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackAction {
    /// An empty answer, as if the extension had nothing to say.
    Skip,
    /// The JSON that the contract stores.
    Default,
    /// The version served before.
    LastGood,
}

impl FallbackAction {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Skip, Self::Default, Self::LastGood];

    /// The action as `fallback.action` and `x-ameide-fallback` spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Default => "default",
            Self::LastGood => "last_good",
        }
    }
}

impl fmt::Display for FallbackAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Says that an answer is not that of the version asked for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// What answered.
    pub action: FallbackAction,
    /// Why the version asked for did not.
    pub cause: FailureCause,
    /// What had gone wrong: the public text of the failure.
    pub message: String,
}
