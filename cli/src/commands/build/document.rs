//! What `ext build --json` and `ext check --json` print: one document, whether
//! it went well or not, for a program that repairs what it names.

use std::{path::PathBuf, time::Duration};

use extensions_compiler_core::{Facts, Report, SectionBytes};
use extensions_pipeline::{BuildError, Built, FolderError, Step};
use extensions_toolchain::{BuildError as SourceError, Diagnostic};
use extensions_types::{Abi, ExtensionId, Finding, Kind, MANIFEST_FILE, ManifestError, Waiver, with_causes};
use serde::Serialize;

/// The document; docs/extensions.md describes it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Document {
    /// Whether it may be served.
    pub(crate) ok: bool,
    /// None where a file was checked, or the manifest cannot be read.
    pub(crate) extension: Option<ExtensionId>,
    pub(crate) steps: Vec<Took>,
    pub(crate) findings: Vec<Found>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) artifact: Option<Artifact>,
    pub(crate) waivers: Vec<Waiver>,
}

/// A step that has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Took {
    step: Step,
    seconds: f64,
}

/// A reason against serving it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub(crate) step: String,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) place: Place,
    pub(crate) remedy: String,
}

/// Where it is; all null where it is about the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// Relative to the extension's folder.
    pub(crate) file: Option<String>,
    /// Counted from 1.
    pub(crate) line: Option<u32>,
    /// A place that is in no text: `data segment 3 + 120`.
    pub(crate) within: Option<String>,
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct Artifact {
    /// None where a file was checked.
    pub(crate) path: Option<PathBuf>,
    size: usize,
    digest: String,
    /// None for a plain module that was checked alone: it fits every kind.
    kind: Option<Kind>,
    abi: Abi,
    imports: Vec<String>,
    compact: bool,
    /// Why not; empty when it is.
    not_compact: Vec<String>,
    initial_memory_bytes: u64,
    functions: u64,
    sections: Vec<SectionBytes>,
    /// What built it.
    toolchain: Option<String>,
}

impl Artifact {
    fn of(facts: &Facts) -> Self {
        let Facts { size, kind, abi, compact, initial_memory_bytes, functions, .. } = *facts;
        let Facts { digest, imports, not_compact, sections, .. } = facts.clone();
        Self { path: None, size, digest, kind, abi, imports, compact, not_compact, initial_memory_bytes, functions, sections, toolchain: None }
    }
}

impl Document {
    /// Of a build that went well.
    pub(super) fn built(built: &Built, steps: &[(Step, Duration)]) -> Self {
        let definition = &built.version.definition;
        let toolchain = built.source.as_ref().map(|source| source.toolchain.clone());
        let artifact = Artifact { kind: Some(definition.kind), toolchain, ..Artifact::of(&built.facts) };
        Self {
            ok: true,
            extension: Some(definition.id.clone()),
            steps: took(steps),
            diagnostics: built.warnings.clone(),
            artifact: Some(artifact),
            waivers: built.waivers.clone(),
            ..Self::default()
        }
    }

    /// Of a build that failed.
    pub(super) fn failed(extension: Option<ExtensionId>, error: &BuildError, steps: &[(Step, Duration)]) -> Self {
        let diagnostics = match error {
            BuildError::Source(SourceError::Compile { diagnostics }) => diagnostics.clone(),
            _ => Vec::new(),
        };
        Self { extension, steps: took(steps), findings: findings(error), diagnostics, ..Self::default() }
    }

    /// Of a file that was checked.
    pub(crate) fn checked(report: &Report) -> Self {
        let artifact = report.facts.as_ref().map(Artifact::of);
        let findings: Vec<_> = report.findings.iter().map(of_check).collect();
        Self { ok: findings.is_empty(), findings, artifact, ..Self::default() }
    }
}

fn took(steps: &[(Step, Duration)]) -> Vec<Took> {
    steps.iter().map(|(step, took)| Took { step: *step, seconds: took.as_secs_f64() }).collect()
}

/// Every reason of a build that failed.
fn findings(error: &BuildError) -> Vec<Found> {
    match error {
        BuildError::Folder(error) => vec![of_folder(error)],
        BuildError::Refused(report) => report.findings.iter().map(of_check).collect(),
        error => error.findings().into_iter().map(Found::from).collect(),
    }
}

fn of_check(one: &extensions_compiler_core::Finding) -> Found {
    let finding = Finding::new(one.step.as_str(), one.code.as_str(), one.message.clone(), one.remedy.clone()).at(one.place.clone());
    Found::from(finding)
}

/// A file of the folder that cannot be read or understood.
pub(crate) fn of_folder(error: &FolderError) -> Found {
    let (code, file, line) = match error {
        FolderError::Manifest(error) => ("manifest_refused", Some(MANIFEST_FILE.to_owned()), line_of(error)),
        FolderError::Schema { file, .. } => ("schema_refused", Some(file.display().to_string()), None),
        FolderError::Case { file, .. } => ("case_refused", Some(file.display().to_string()), None),
        FolderError::Read { file, .. } | FolderError::TooLarge { file, .. } => ("file_refused", Some(file.display().to_string()), None),
        _ => ("folder_refused", None, None),
    };
    let place = Place { file, line, within: None };
    let remedy = "mend the file as docs/extensions.md describes it".to_owned();
    Found { step: "folder".to_owned(), code: code.to_owned(), message: with_causes(error), place, remedy }
}

/// The line that TOML's own text names: `TOML parse error at line 3, column 1`.
fn line_of(error: &ManifestError) -> Option<u32> {
    let ManifestError::Syntax(error) = error else { return None };
    let text = error.to_string();
    let (_, from) = text.split_once("at line ")?;
    from.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

impl From<Finding> for Found {
    fn from(Finding { step, code, message, place, remedy }: Finding) -> Self {
        Self { step, code, message, place: Place::parse(&place), remedy }
    }
}

impl Place {
    /// Reads `src/lib.rs:12`; whatever names no file is a place within the module.
    pub(crate) fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let (file, line) = match text.rsplit_once(':') {
            Some((file, line)) if line.parse::<u32>().is_ok() => (file, line.parse().ok()),
            _ => (text, None),
        };
        let is_file = line.is_some() || (!file.contains(' ') && file.contains('.'));
        if is_file {
            return Self { file: Some(file.to_owned()), line, within: None };
        }
        Self { within: Some(text.to_owned()), ..Self::default() }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.line, &self.within) {
            (Some(file), Some(line), _) => write!(f, "{file}:{line}"),
            (Some(file), None, _) => f.write_str(file),
            (None, _, Some(within)) => f.write_str(within),
            (None, _, None) => Ok(()),
        }
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, message, place, remedy, .. } = self;
        write!(f, "{step}: ")?;
        if *place != Place::default() {
            write!(f, "{place}: ")?;
        }
        f.write_str(message)?;
        if remedy.is_empty() { Ok(()) } else { write!(f, "\n  {remedy}") }
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::Manifest;

    use super::*;

    #[test]
    fn places_are_files_with_lines_or_within_the_module() {
        let place = |text| serde_json::to_value(Place::parse(text)).unwrap();
        assert_eq!(place("src/lib.rs:12"), serde_json::json!({"file": "src/lib.rs", "line": 12, "within": null}));
        assert_eq!(place("tests/a b.json:3")["file"], "tests/a b.json");
        assert_eq!(place("extension.toml")["file"], "extension.toml");
        assert_eq!(place("data segment 3 + 120")["within"], "data segment 3 + 120");
        assert_eq!(place("function 17 (core.x)")["within"], "function 17 (core.x)");
        assert_eq!(place(""), serde_json::json!({"file": null, "line": null, "within": null}));
    }

    #[test]
    fn a_manifest_is_refused_at_its_line() {
        let error = Manifest::parse("id = \"x\"\nkind = \"domain_hook\"\nlang = \"cobol\"\n").unwrap_err();
        let found = of_folder(&FolderError::Manifest(error));
        assert_eq!((found.code.as_str(), found.place.to_string().as_str()), ("manifest_refused", "extension.toml:3"));
        assert!(found.message.contains("cobol"), "{found}");
    }
}
