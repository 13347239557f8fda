//! One reason why something may not be served.

use std::fmt;

use serde::{Serialize, Serializer};

/// As many as a person reads at once; also what makes comparing each with all others cheap.
const FINDINGS_MAX: usize = 100;
const LAST: usize = FINDINGS_MAX - 1;

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
    /// What it may ask for and hold: memory, start functions, secrets.
    Policy,
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
            Self::Policy => "policy",
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
    /// It starts with more memory than its definition allows.
    MemoryLimit,
    /// A key, a token or a password in source or data.
    EmbeddedSecret,
    /// A marker that asks for a waiver and does not say why.
    BadMarker,
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
            Self::MemoryLimit => "memory_limit",
            Self::EmbeddedSecret => "embedded_secret",
            Self::BadMarker => "bad_marker",
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
    /// Where: `src/lib.rs:12`, `function 17 (evaluate)`, `data segment 3 + 120`; empty for the whole.
    pub place: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn new(step: Step, code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { step, code, message: shown(&message.into()), place: String::new(), remedy: remedy.into() }
    }

    /// The same, with its place.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = shown(&place.into());
        self
    }
}

impl From<Finding> for extensions_types::Finding {
    /// The same in plain words, as it is stored and sent.
    fn from(finding: Finding) -> Self {
        let Finding { step, code, message, place, remedy } = finding;
        Self { step: step.as_str().to_owned(), code: code.as_str().to_owned(), message, place, remedy }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.place.is_empty() { "" } else { " at " };
        write!(f, "{}: {}{at}{}; {}", self.step, self.message, self.place, self.remedy)
    }
}

/// Findings that are being collected: each once, and no more than somebody reads.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        match self.list.len() {
            FINDINGS_MAX => {}
            LAST => {
                let message = format!("more than {LAST} reasons; the others are not listed");
                self.list.push(Finding::new(finding.step, Code::TooMany, message, "mend these first"));
            }
            _ if self.list.contains(&finding) => {}
            _ => self.list.push(finding),
        }
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.list
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

    #[test]
    fn findings_are_listed_once_and_not_without_end() {
        let mut findings = Findings::default();
        (0..500).for_each(|number| findings.add(Finding::new(Step::Conform, Code::UnknownImport, format!("{}", number / 2), "do")));
        let list = findings.into_vec();
        assert_eq!((list.len(), list[1].message.as_str(), list[LAST].code), (FINDINGS_MAX, "1", Code::TooMany));
    }

    #[test]
    fn a_place_stands_behind_the_message() {
        let finding = Finding::new(Step::Policy, Code::EmbeddedSecret, "a key", "take it out").at("src/lib.rs:3");
        assert_eq!(finding.to_string(), "policy: a key at src/lib.rs:3; take it out");
    }
}
