//! What a tool says about the author's code.

use serde::Serialize;

/// A message's longest text.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// One message of a compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// `error` or `warning`.
    pub level: String,
    /// What is wrong, in one line.
    pub message: String,
    /// The file, relative to the extension's folder where it is inside.
    pub file: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The message as the compiler draws it, with the code and its advice.
    pub rendered: String,
}

impl Diagnostic {
    /// Whether the code does not compile because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == "error"
    }
}

/// The text, cut to what anyone reads.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str("...");
    }
    text
}
