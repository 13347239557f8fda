//! Calls to platform APIs, under the caller's identity.
//!
//! Only methods that extension.toml declares are answered. A guest that never
//! names [`call`] does not import host calls at all.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::HookError;

/// Why a host call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Not declared by extension.toml or not granted in this environment.
    Denied(String),
    /// The invocation's number of host calls is used up.
    BudgetExhausted,
    /// No such service, method or object.
    NotFound(String),
    /// The platform API failed.
    Failed(String),
    /// The invocation's time ran out.
    Deadline,
    /// The request is no JSON, or the answer does not fit the type asked for.
    Unfit(String),
}

/// Calls `method` of `service` and reads its answer as `T`.
///
/// # Errors
/// Says why there is no answer; `?` turns it into a [`HookError::Failed`].
pub fn call<T: DeserializeOwned>(service: &str, method: &str, request: &impl Serialize) -> Result<T, CallError> {
    let request = serde_json::to_vec(request).map_err(|error| CallError::Unfit(format!("request: {error}")))?;
    let answer = raw(service, method, &request)?;
    serde_json::from_slice(&answer).map_err(|error| CallError::Unfit(format!("answer of {service}.{method}: {error}")))
}

#[cfg(target_arch = "wasm32")]
fn raw(service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, CallError> {
    use crate::bindings::imports::ameide::extensions::host_calls as wit;
    wit::call(service, method, request).map_err(|error| match error {
        wit::CallError::Denied(text) => CallError::Denied(text),
        wit::CallError::BudgetExhausted => CallError::BudgetExhausted,
        wit::CallError::NotFound(text) => CallError::NotFound(text),
        wit::CallError::Failed(text) => CallError::Failed(text),
        wit::CallError::Deadline => CallError::Deadline,
    })
}

#[cfg(not(target_arch = "wasm32"))]
fn raw(service: &str, method: &str, _request: &[u8]) -> Result<Vec<u8>, CallError> {
    Err(CallError::Denied(format!("{service}.{method}: there is no platform outside of the sandbox; script its answer in a test case")))
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, text) = match self {
            Self::Denied(text) => ("denied", text.as_str()),
            Self::BudgetExhausted => ("no host calls left", ""),
            Self::NotFound(text) => ("not found", text.as_str()),
            Self::Failed(text) => ("failed", text.as_str()),
            Self::Deadline => ("no time left", ""),
            Self::Unfit(text) => ("unfit JSON", text.as_str()),
        };
        let colon = if text.is_empty() { "" } else { ": " };
        write!(f, "host call: {what}{colon}{text}")
    }
}

impl std::error::Error for CallError {}

impl From<CallError> for HookError {
    fn from(error: CallError) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_the_sandbox_every_call_is_denied() {
        let error = call::<u32>("orders", "get", &1).unwrap_err();
        assert!(matches!(&error, CallError::Denied(text) if text.starts_with("orders.get")));
        assert!(matches!(HookError::from(error), HookError::Failed(text) if text.starts_with("host call: denied: orders.get")));
        assert_eq!(CallError::Deadline.to_string(), "host call: no time left");
    }
}
