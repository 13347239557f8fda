//! A request as a transport hands it over, and what it gets back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use extensions_engine::{Failure, Stats};
use extensions_types::{CallLabel, Fallback, Version};

/// An invocation as asked for: texts from outside, not yet checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// The extension's id.
    pub extension_id: String,
    /// A version number, `latest` or empty.
    pub version: String,
    /// The context that the caller names.
    pub context: AskedContext,
    /// The named place in the primitive; may be empty.
    pub hook_point: String,
    /// The calling primitive; the token's subject when empty.
    pub caller: String,
    /// One JSON value.
    pub input: Bytes,
    /// When the request's head arrived.
    pub accepted: Instant,
    /// The caller's patience from `accepted` on: the shorter of its transport
    /// deadline and `timeout_ms`.
    pub timeout: Option<Duration>,
}

/// The context fields as a caller sent them; empty where it sent none.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the fields of ExecutionContext in runtime.proto")]
pub struct AskedContext {
    pub tenant_id: String,
    pub org_id: String,
    pub user_id: String,
    /// `USER`, `AGENT`, `SYSTEM` or empty.
    pub actor_type: String,
    pub session_id: String,
    pub correlation_id: String,
    pub env: String,
    /// `low`, `medium`, `high` or empty.
    pub risk_tier: String,
}

/// The extension ran, or its failure contract answered: the answer or the
/// extension's own failure, and the cost.
#[derive(Debug)]
pub struct Answer {
    /// JSON of the kind's wire form, or an outcome code with its text.
    pub result: Result<Bytes, Failure>,
    /// The version that answered; for a `skip` or `default` the one whose contract did.
    pub served_version: Version,
    /// Given or made up.
    pub correlation: CallLabel,
    /// What the run that answered cost, or the one that failed.
    pub stats: Stats,
    /// What answered in place of the version asked for; the result is an answer then.
    pub fallback: Option<Fallback>,
}
