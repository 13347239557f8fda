//! The audit of refusals: who asked for what, why it was refused, from where.
//!
//! What was accepted is history; what was refused stands here and nowhere else.

use std::fmt;

use extensions_types::{ErrorCode, Refusal};
use serde::Serialize;

/// Takes note of refusals. Called on the request's own task: it must not block.
pub trait Audit: Send + Sync + fmt::Debug {
    /// One request was refused.
    fn refused(&self, record: &Refused<'_>);
}

/// One refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused<'r> {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What was asked: the method's name.
    pub operation: &'r str,
    /// Who, as a verified token said; none without one.
    pub who: Option<String>,
    /// From where: the peer's address.
    pub from: &'r str,
    /// The tenant that it was asked for: the token's, or the one named.
    pub tenant: Option<&'r str>,
    /// What it was asked of, as the caller wrote it: harmless and short.
    pub target: Option<String>,
    /// The code.
    pub code: ErrorCode,
    /// Why, as the caller was told.
    pub why: &'r str,
    /// Under which the logs tell more.
    pub correlation_id: &'r str,
}

/// A text from outside as a log may hold it: no control characters, at most 128 characters.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(128).collect()
}

/// Writes refusals to the service's log, under the target `audit`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAudit;

impl Audit for LogAudit {
    fn refused(&self, record: &Refused<'_>) {
        tracing::info!(
            target: "audit",
            operation = record.operation,
            who = record.who,
            from = record.from,
            tenant = record.tenant,
            on = record.target,
            code = %record.code,
            why = record.why,
            correlation_id = record.correlation_id,
            "refused"
        );
    }
}

/// Whether a refusal belongs in the audit: a platform that is busy or broken
/// has refused nobody.
#[must_use]
pub(crate) fn is_audited(refusal: &Refusal) -> bool {
    !matches!(refusal.code, ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::Internal | ErrorCode::Deadline)
}
