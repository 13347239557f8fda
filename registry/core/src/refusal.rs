//! Why a command changes nothing.

use extensions_types::ErrorCode;

/// A named refusal. Its text is public: it says what to do next and names
/// nothing of another tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    /// One of the closed set.
    pub code: ErrorCode,
    /// Why, and what to do.
    pub text: String,
}

impl Refusal {
    /// A refusal with `code`.
    #[must_use]
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, text)
    }

    pub(crate) fn denied(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::PermissionDenied, text)
    }

    pub(crate) fn rule(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Precondition, text)
    }

    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, text)
    }
}
