//! The platform's refusal of a request, and the document that says it over HTTP.

use std::time::Duration;

use serde::Serialize;

use crate::{CallLabel, ErrorCode};

/// The platform refused a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// A code that travels as a status.
    pub code: ErrorCode,
    /// Public text that says what to do.
    pub message: String,
    /// When a retry makes sense.
    pub retry_after: Option<Duration>,
    /// Given or made up; none where the request was refused before it had one.
    pub correlation: Option<CallLabel>,
}

impl Refusal {
    /// A refusal that a retry does not help.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, correlation: None }
    }

    /// The retry hint in milliseconds; 0 where there is none.
    #[must_use]
    pub fn retry_after_ms(&self) -> u32 {
        self.retry_after.map_or(0, |after| u32::try_from(after.as_millis()).unwrap_or(u32::MAX))
    }
}

/// A refusal or an extension's failure as a problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem<'p> {
    /// `urn:ameide:extensions:error:<code>`.
    pub r#type: String,
    /// The code's meaning.
    pub title: &'static str,
    /// The HTTP status that it travels under.
    pub status: u16,
    /// What happened this time.
    pub detail: &'p str,
    /// The code.
    pub error_code: ErrorCode,
    /// The id under which the platform's logs tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<&'p str>,
    /// When a retry makes sense; 0 where none does.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_ms: u32,
}

impl<'p> Problem<'p> {
    /// The document's media type.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// The document of `code` under `status`, as a rule [`ErrorCode::http`].
    #[must_use]
    pub fn new(status: u16, code: ErrorCode, detail: &'p str, correlation: Option<&'p CallLabel>, retry_after_ms: u32) -> Self {
        Self {
            r#type: format!("urn:ameide:extensions:error:{code}"),
            title: code.meaning(),
            status,
            detail,
            error_code: code,
            correlation_id: correlation.map(CallLabel::as_str),
            retry_after_ms,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
