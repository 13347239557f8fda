//! One reason why something may not be served, in the words that registry,
//! compile worker and command line share.

use serde::{Deserialize, Serialize};

/// One reason why something may not be served. Texts are public: they name the
/// author's own files and nothing of the machine that found them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// The step that found it.
    pub step: String,
    /// A stable word for programs.
    pub code: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where: `src/lib.rs:12`, `data segment 3 + 120`, `function 17`; empty where it
    /// is about the whole. Events of before places have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What to do about it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Finding {
    /// A finding about the whole.
    #[must_use]
    pub fn new(step: impl Into<String>, code: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { step: step.into(), code: code.into(), message: message.into(), place: String::new(), remedy: remedy.into() }
    }

    /// The same, at `place`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// The same with every text cut to `max` bytes, between characters.
    #[must_use]
    pub fn cut(self, max: usize) -> Self {
        let short = |mut text: String| {
            text.truncate(text.floor_char_boundary(max));
            text
        };
        Self { step: short(self.step), code: short(self.code), message: short(self.message), place: short(self.place), remedy: short(self.remedy) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_before_places_are_read_and_written_as_they_were() {
        let stored = r#"{"step":"build","code":"rustc","message":"E0308","remedy":"correct it"}"#;
        let finding: Finding = serde_json::from_str(stored).unwrap();
        assert_eq!(finding, Finding::new("build", "rustc", "E0308", "correct it"));
        assert_eq!(serde_json::to_string(&finding).unwrap(), stored);
        let least: Finding = serde_json::from_str(r#"{"step":"a","code":"b","message":"c"}"#).unwrap();
        assert_eq!(least, Finding::new("a", "b", "c", ""));
    }

    #[test]
    fn a_place_comes_back() {
        let finding = Finding::new("policy", "embedded_secret", "a private key", "").at("data segment 3 + 120");
        let text = serde_json::to_string(&finding).unwrap();
        assert_eq!(text, r#"{"step":"policy","code":"embedded_secret","message":"a private key","place":"data segment 3 + 120"}"#);
        assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), finding);
    }

    #[test]
    fn a_cut_reaches_every_text_and_no_character() {
        let long = || "é".repeat(9);
        let cut = Finding { step: long(), code: long(), message: long(), place: long(), remedy: long() }.cut(5);
        for text in [cut.step, cut.code, cut.message, cut.place, cut.remedy] {
            assert_eq!(text, "éé");
        }
    }
}
