//! An error that says which step of making the sandbox failed.

use std::fmt;

/// Which step, and the kernel's words.
#[derive(Debug)]
pub(super) struct SetupError {
    pub(super) step: String,
    pub(super) reason: String,
}

/// More of a reason helps nobody, and an answer is bounded.
const REASON_BYTES_MAX: usize = 2048;

impl SetupError {
    pub(super) fn new(step: impl Into<String>, reason: impl fmt::Display) -> Self {
        let (mut step, mut reason) = (step.into(), reason.to_string());
        for text in [&mut step, &mut reason] {
            text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
        }
        Self { step, reason }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.reason)
    }
}

/// Names the step of a result.
pub(super) trait Step<T> {
    fn step(self, step: impl Into<String>) -> Result<T, SetupError>;
}

impl<T, E: fmt::Display> Step<T> for Result<T, E> {
    fn step(self, step: impl Into<String>) -> Result<T, SetupError> {
        self.map_err(|reason| SetupError::new(step, reason))
    }
}
