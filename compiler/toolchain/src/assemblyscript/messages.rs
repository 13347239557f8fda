//! Reads what the driver prints: parts that are compiled, and what asc says about the author's code.

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, bounded};

/// More messages than anyone reads at once.
const DIAGNOSTICS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Part {
        part: String,
    },
    Message {
        level: String,
        message: String,
        file: Option<String>,
        line: Option<u32>,
        #[serde(default)]
        rendered: String,
    },
}

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Messages {
    /// Takes one line of the driver's output; answers the name of a file that is read now.
    pub(super) fn take(&mut self, line: &str) -> Option<String> {
        // Only the driver writes there; what is no message of its form is none.
        match serde_json::from_str(line).ok()? {
            Line::Part { part } => Some(part),
            Line::Message { level, message, file, line, rendered } => {
                let rendered = if rendered.trim().is_empty() { format!("{level}: {message}") } else { rendered.trim_end().to_owned() };
                self.add(Diagnostic { level, message: bounded(message), file, line, rendered: bounded(rendered) });
                None
            }
        }
    }

    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        // One mistake in a generic function is told once per use.
        if self.diagnostics.len() < DIAGNOSTICS_MAX && !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_messages_are_told_apart() {
        let mut messages = Messages::default();
        assert_eq!(messages.take(r#"{"part":"assembly/index.ts"}"#).as_deref(), Some("assembly/index.ts"));
        let line = r#"{"level":"error","message":"No such name.","file":"assembly/index.ts","line":7,"rendered":"drawn\n\n"}"#;
        assert_eq!((messages.take(line), messages.take(line), messages.take("noise")), (None, None, None));
        let expected = Diagnostic {
            level: "error".into(),
            message: "No such name.".into(),
            file: Some("assembly/index.ts".into()),
            line: Some(7),
            rendered: "drawn".into(),
        };
        assert_eq!(messages.diagnostics, [expected]);
        assert!(messages.has_errors());
    }

    #[test]
    fn a_message_without_a_place_is_kept_and_a_flood_is_bounded() {
        let mut messages = Messages::default();
        for n in 0..2 * DIAGNOSTICS_MAX {
            messages.take(&format!(r#"{{"level":"warning","message":"{n}"}}"#));
        }
        assert_eq!((messages.diagnostics.len(), messages.has_errors()), (DIAGNOSTICS_MAX, false));
        assert_eq!(messages.diagnostics[0].rendered, "warning: 0");
    }
}
