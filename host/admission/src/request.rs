//! A request as a transport hands it over, and what it gets back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use extensions_engine::{Failure, Stats};
pub use extensions_identity::Asked as AskedContext;
use extensions_types::{CallLabel, Fallback, Version};

/// What is asked for, without input: texts from outside, not yet checked, where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'r> {
    /// The extension's id.
    pub extension_id: &'r str,
    /// A version number, `latest` or empty.
    pub version: &'r str,
    /// The context that the caller names.
    pub context: AskedContext<'r>,
    /// When the request's head arrived.
    pub accepted: Instant,
    /// The caller's patience from `accepted` on: the shorter of its transport
    /// deadline and `timeout_ms`.
    pub timeout: Option<Duration>,
}

/// An invocation as asked for.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// Of what, by whom.
    pub asked: Asked<'r>,
    /// One JSON value.
    pub input: Bytes,
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
