//! The guest's way to platform APIs. What answers is given with each call.

use extensions_types::HostCallName;

/// Why a host call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostCallError {
    /// Not declared or not granted.
    Denied(String),
    /// No such service, method or object.
    NotFound(String),
    /// The platform API failed.
    Failed(String),
}

/// Answers the host calls of one invocation.
pub trait HostCalls: Send + Sync + std::fmt::Debug {
    /// The answer to one call, as JSON.
    ///
    /// # Errors
    /// Says why there is none; the guest sees it as `call-error`.
    fn call(&self, name: &HostCallName, request: &[u8]) -> Result<Vec<u8>, HostCallError>;
}

/// Grants nothing: what every host does until the bridge to platform APIs exists.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

impl HostCalls for DenyAll {
    fn call(&self, name: &HostCallName, _: &[u8]) -> Result<Vec<u8>, HostCallError> {
        Err(HostCallError::Denied(format!("{name} is not granted here")))
    }
}
