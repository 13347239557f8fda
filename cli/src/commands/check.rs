//! `ext check`: may this be served? Every reason if not.

use std::path::{Path, PathBuf};

use extensions_compiler_core::{COMPONENT_BYTES_MAX, Expected, Facts, Report};
use extensions_pipeline::Folder;
use extensions_types::{Abi, Finding, Kind, MANIFEST_FILE};

use crate::{
    args::Check,
    commands::build::{
        self, Attempt,
        document::{Document, Found},
    },
    failure::Failure,
    say::Say,
};

pub(crate) async fn run(check: &Check, say: &Say) -> Result<(), Failure> {
    let kind = check.kind.map(Kind::from);
    let (document, facts, outcome) = if check.file.is_dir() { of_folder(&check.file, kind, say).await? } else { of_file(&check.file, kind, say)? };
    if outcome.is_ok() || say.is_json() || facts.is_some() {
        say.data(&document, facts.as_ref().map_or_else(|| "no component".to_owned(), describe));
    }
    outcome
}

/// What there is to tell, and whether it may be served.
type Checked = (Document, Option<Facts>, Result<(), Failure>);

async fn of_folder(folder: &Path, kind: Option<Kind>, say: &Say) -> Result<Checked, Failure> {
    let Attempt { mut document, outcome } = build::attempt(folder, say).await?;
    let built = match outcome {
        Ok(ready) => ready.built,
        Err(failure) => return Ok((document, None, Err(failure))),
    };
    let own = built.version.definition.kind;
    if kind.is_none_or(|kind| kind == own) {
        return Ok((document, Some(built.facts), Ok(())));
    }
    let found =
        Found::from(Finding::new("conform", "wrong_world", format!("the folder holds a {own}"), "leave --kind out, or change extension.toml"));
    say.bad(&found);
    document.ok = false;
    document.findings.push(found);
    Ok((document, Some(built.facts), Err(refused(1))))
}

fn of_file(file: &Path, kind: Option<Kind>, say: &Say) -> Result<Checked, Failure> {
    let report = check_file(file, kind)?;
    let document = Document::checked(&report);
    document.findings.iter().for_each(|found| say.bad(found));
    let outcome = if document.ok { Ok(()) } else { Err(refused(document.findings.len())) };
    Ok((document, report.facts, outcome))
}

fn refused(reasons: usize) -> Failure {
    let reasons = if reasons == 1 { "1 reason".to_owned() } else { format!("{reasons} reasons") };
    Failure::Told(format!("it may not be served, for {reasons}"))
}

/// Checks bytes; what lies beside them says whether host calls are declared.
fn check_file(file: &Path, kind: Option<Kind>) -> Result<Report, Failure> {
    let bytes = read(file)?;
    let here = |folder: &Path| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
    let folder = file.ancestors().skip(1).take(3).map(here).find(|folder| folder.join(MANIFEST_FILE).is_file());
    let manifest = folder.as_deref().map(Folder::open).transpose()?.map(|folder| folder.manifest().clone());
    let expected = Expected {
        kind: kind.or_else(|| manifest.as_ref().map(|manifest| manifest.kind)),
        host_calls: manifest.is_some_and(|manifest| !manifest.host_calls.is_empty()),
        ..Expected::default()
    };
    Ok(extensions_compiler_core::check(&bytes, expected))
}

/// Reads a module or component, within its bound.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::Usage(format!("cannot read {}: {error}", file.display()));
    let bytes = std::fs::metadata(file).map_err(failed)?.len();
    // A module is larger than its component where debug sections are cut off.
    if bytes > 16 * COMPONENT_BYTES_MAX as u64 {
        return Err(Failure::Build(format!("{} has {bytes} bytes; a component has at most {COMPONENT_BYTES_MAX}", file.display())));
    }
    std::fs::read(file).map_err(failed)
}

fn describe(facts: &Facts) -> String {
    let unnamed = match facts.abi {
        Abi::Plain => "any kind, by the plain ABI",
        Abi::Component => "no known kind",
    };
    let kind = facts.kind.map_or(unnamed, Kind::as_str);
    let compact = if facts.compact { "compact".to_owned() } else { format!("not compact: {}", facts.not_compact.join("; ")) };
    let imports = if facts.imports.is_empty() { "nothing".to_owned() } else { facts.imports.join(", ") };
    format!(
        "{kind}, {} bytes, sha256:{}\nimports {imports}\nstarts with {} KiB of memory, {compact}",
        facts.size,
        facts.digest,
        facts.initial_memory_bytes >> 10
    )
}
