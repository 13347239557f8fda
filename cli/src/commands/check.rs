//! `ext check`: may this be served? Every reason if not.

use std::path::Path;

use extensions_compiler_core::{COMPONENT_BYTES_MAX, Expected, Facts, Report};
use extensions_pipeline::Folder;
use extensions_types::{Kind, MANIFEST_FILE};

use crate::{args::Check, commands::build, failure::Failure, say::Say};

pub(crate) async fn run(check: &Check, say: &Say) -> Result<(), Failure> {
    let kind = check.kind.map(Kind::from);
    let report = if check.file.is_dir() {
        let (_, built) = build::local(&check.file, say).await?;
        if kind.is_some_and(|kind| kind != built.version.definition.kind) {
            return Err(Failure::Build(format!("the folder holds a {}", built.version.definition.kind)));
        }
        Report { findings: Vec::new(), facts: Some(built.facts), component: None }
    } else {
        check_file(&check.file, kind)?
    };
    for finding in &report.findings {
        say.bad(finding);
    }
    let text = report.facts.as_ref().map_or_else(|| "no component".to_owned(), describe);
    say.data(&report, text);
    match report.findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Build("it may not be served, for 1 reason".to_owned())),
        reasons => Err(Failure::Build(format!("it may not be served, for {reasons} reasons"))),
    }
}

/// Checks bytes; what lies beside them says whether host calls are declared.
fn check_file(file: &Path, kind: Option<Kind>) -> Result<Report, Failure> {
    let bytes = read(file)?;
    let folder = file.ancestors().skip(1).take(3).find(|folder| folder.join(MANIFEST_FILE).is_file());
    let manifest = folder.map(Folder::open).transpose()?.map(|folder| folder.manifest().clone());
    let expected = Expected {
        kind: kind.or_else(|| manifest.as_ref().map(|manifest| manifest.kind)),
        host_calls: manifest.is_some_and(|manifest| !manifest.host_calls.is_empty()),
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
    let kind = facts.kind.map_or("no known kind", Kind::as_str);
    let compact = if facts.compact { "compact".to_owned() } else { format!("not compact: {}", facts.not_compact.join("; ")) };
    let imports = if facts.imports.is_empty() { "nothing".to_owned() } else { facts.imports.join(", ") };
    format!(
        "{kind}, {} bytes, sha256:{}\nimports {imports}\nstarts with {} KiB of memory, {compact}",
        facts.size,
        facts.digest,
        facts.initial_memory_bytes >> 10
    )
}
