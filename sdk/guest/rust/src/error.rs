//! Why an extension gave no result.

pub use crate::bindings::imports::ameide::extensions::types::HookError;

impl HookError {
    /// A business rejection; `text` is shown to the user as it stands.
    #[must_use]
    pub fn rejected(text: impl Into<String>) -> Self {
        Self::Rejected(text.into())
    }

    /// The input is not what this extension expects.
    #[must_use]
    pub fn invalid_input(text: impl Into<String>) -> Self {
        Self::InvalidInput(text.into())
    }

    /// The extension itself failed; `text` goes to its author.
    #[must_use]
    pub fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }
}

impl PartialEq for HookError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rejected(a), Self::Rejected(b)) | (Self::InvalidInput(a), Self::InvalidInput(b)) | (Self::Failed(a), Self::Failed(b)) => a == b,
            (Self::Rejected(_) | Self::InvalidInput(_) | Self::Failed(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_compare_by_case_and_text() {
        assert_eq!(HookError::rejected("no"), HookError::rejected("no"));
        assert_ne!(HookError::rejected("no"), HookError::failed("no"));
        assert_ne!(HookError::failed("a"), HookError::failed("b"));
    }
}
