//! One reason why something may not be served.

use std::fmt;

use serde::{Serialize, Serializer};

/// The step that found it, in the order that they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Sizes and counts, before anything heavier.
    Prescan,
    /// Valid WebAssembly, of the features that hosts run.
    Validate,
    /// From core module to component.
    Componentize,
    /// By type against its world.
    Conform,
}

impl Step {
    /// The step's name as reports show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prescan => "prescan",
            Self::Validate => "validate",
            Self::Componentize => "componentize",
            Self::Conform => "conform",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of reason it is; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Neither a core module nor a component.
    NotWasm,
    /// The sections do not hold together.
    Malformed,
    /// More bytes than are read.
    TooLarge,
    /// More of something than a rule needs.
    TooMany,
    /// Valid for others, not for the features that hosts run.
    Invalid,
    /// A module that does not say which world it implements.
    NoMetadata,
    /// A module of the plain ABI.
    PlainModule,
    /// The module and the world that it claims do not fit together.
    Componentize,
    /// An import that no host provides.
    UnknownImport,
    /// Host calls are imported but not declared.
    HostCallsNotDeclared,
    /// It implements another world.
    WrongWorld,
    /// The world asks for an export that is not there.
    MissingExport,
    /// Names fit, types do not.
    TypeMismatch,
    /// A fault of this checker.
    Internal,
}

impl Code {
    /// The code as reports spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotWasm => "not_wasm",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Invalid => "invalid",
            Self::NoMetadata => "no_metadata",
            Self::PlainModule => "plain_module",
            Self::Componentize => "componentize",
            Self::UnknownImport => "unknown_import",
            Self::HostCallsNotDeclared => "host_calls_not_declared",
            Self::WrongWorld => "wrong_world",
            Self::MissingExport => "missing_export",
            Self::TypeMismatch => "type_mismatch",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One reason, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Who found it.
    pub step: Step,
    /// What kind of reason.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn new(step: Step, code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { step, code, message: shown(&message.into()), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.step, self.message, self.remedy)
    }
}

/// A message quotes names out of hostile bytes: one line, of bounded length.
fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 600;
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_on_one_bounded_line() {
        let finding = Finding::new(Step::Conform, Code::UnknownImport, format!("a\nb\u{1b}[31m{}", "x".repeat(5_000)), "do");
        assert!(finding.message.starts_with("a b [31m") && finding.message.len() < 700);
    }
}
