//! Progress of a compile.

use std::time::Duration;

/// Bytes kept of a diagnostic or a summary; the registry cuts what is longer.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// Bytes kept of a step's name or a level.
pub const WORD_BYTES_MAX: usize = 128;

/// Progress of a compile. Texts come from foreign tools: they are cut, and
/// shown to whoever asked for the compile, to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileEvent {
    /// A step began.
    StepStarted(String),
    /// A step ended.
    StepDone {
        /// Its name.
        step: String,
        /// How long it took.
        took: Duration,
        /// What it says of itself; may be empty.
        summary: String,
    },
    /// What a tool said about the source.
    Diagnostic {
        /// `error`, `warning` or `note`.
        level: String,
        /// As it was printed.
        text: String,
    },
}

impl CompileEvent {
    /// The same with texts within their bounds, cut between characters.
    #[must_use]
    pub fn cut(self) -> Self {
        let short = |mut text: String, max| {
            text.truncate(text.floor_char_boundary(max));
            text
        };
        match self {
            Self::StepStarted(step) => Self::StepStarted(short(step, WORD_BYTES_MAX)),
            Self::StepDone { step, took, summary } => {
                Self::StepDone { step: short(step, WORD_BYTES_MAX), took, summary: short(summary, TEXT_BYTES_MAX) }
            }
            Self::Diagnostic { level, text } => Self::Diagnostic { level: short(level, WORD_BYTES_MAX), text: short(text, TEXT_BYTES_MAX) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        let CompileEvent::Diagnostic { level, text } = (CompileEvent::Diagnostic { level: long.clone(), text: long }).cut() else { panic!() };
        assert_eq!((level.len(), text.len()), (WORD_BYTES_MAX, TEXT_BYTES_MAX));
    }
}
