//! `ext build`: source to checked component, with what each step took.

pub(crate) mod document;
mod progress;

use std::{
    fs,
    path::{Path, PathBuf},
};

use extensions_pipeline::{Authorship, BuildError, Built, Folder, FolderError, Tools, Workbench};
use extensions_types::{TenantId, Version, with_causes};

use self::{
    document::{Document, of_folder},
    progress::Progress,
};
use crate::{failure::Failure, say::Say, tools};

/// Where results go, relative to the extension's folder.
const RESULTS: &str = "target/ext";

pub(crate) async fn run(folder: &Path, say: &Say) -> Result<(), Failure> {
    let Attempt { mut document, outcome } = attempt(folder, say).await?;
    let text = match &outcome {
        Ok(Ready { folder, built, .. }) => {
            let path = write(folder, built)?;
            let text = format!("{}  {} bytes  sha256:{}", path.display(), built.facts.size, built.facts.digest);
            document.artifact.as_mut().into_iter().for_each(|artifact| artifact.path = Some(path.clone()));
            text
        }
        Err(_) => String::new(),
    };
    if outcome.is_ok() || say.is_json() {
        say.data(&document, text);
    }
    for why in &outcome?.built.facts.not_compact {
        say.warning(format_args!("not compact, calls cost more: {why}"));
    }
    Ok(())
}

/// A build that came to an end, and what there is to tell of it.
pub(crate) struct Attempt {
    pub(crate) document: Document,
    /// The failure has been told, but for its sum.
    pub(crate) outcome: Result<Ready, Failure>,
}

/// A version that can be run here.
pub(crate) struct Ready {
    pub(crate) folder: Folder,
    pub(crate) built: Built,
    pub(crate) workbench: Workbench,
}

/// Builds the extension in `folder` for this machine's own use. A folder that
/// is no extension is wrong usage; whatever else fails is told.
pub(crate) async fn attempt(folder: &Path, say: &Say) -> Result<Attempt, Failure> {
    attempt_opened(Folder::open(folder), say).await
}

/// The same, of a folder that has been opened, or could not be.
pub(crate) async fn attempt_opened(opened: Result<Folder, FolderError>, say: &Say) -> Result<Attempt, Failure> {
    let folder = match opened {
        Ok(folder) => folder,
        Err(error @ (FolderError::Open { .. } | FolderError::NoManifest(_))) => return Err(error.into()),
        Err(error) => {
            let found = of_folder(&error);
            say.bad(&found);
            let document = Document { findings: vec![found], ..Document::default() };
            return Ok(Attempt { document, outcome: Err(Failure::Told("the folder is refused".to_owned())) });
        }
    };
    let (tools, workbench) = (tools::tools()?, tools::workbench()?);
    let mut progress = Progress::new(say);
    let result = extensions_pipeline::build(&folder, authorship(), &tools, &workbench, &mut |event| progress.take(event)).await;
    let steps = std::mem::take(&mut progress.steps);
    drop(progress);
    Ok(match result {
        Ok(built) => {
            show_notes(&built, say);
            Attempt { document: Document::built(&built, &steps), outcome: Ok(Ready { folder, built, workbench }) }
        }
        // This machine's: nothing that a change of the source would mend.
        Err(error) if !error.is_authors() => return Err(error.into()),
        Err(error) => {
            let document = Document::failed(Some(folder.manifest().id.clone()), &error, &steps);
            show(&document, &error, say);
            Attempt { document, outcome: Err(Failure::Told(with_causes(&error))) }
        }
    })
}

/// Who builds on their own machine.
pub(crate) fn authorship() -> Authorship {
    let tenant = TenantId::parse("dev").expect("a constant of the grammar");
    Authorship { tenant, version: Version::FIRST, created_by: std::env::var("USER").unwrap_or_else(|_| "developer".to_owned()) }
}

/// Builds and shows how it goes, what is wrong and what to do about it.
pub(crate) async fn with_progress(
    folder: &Folder,
    authorship: Authorship,
    tools: &Tools,
    workbench: &Workbench,
    say: &Say,
) -> Result<Built, Failure> {
    let mut progress = Progress::new(say);
    let result = extensions_pipeline::build(folder, authorship, tools, workbench, &mut |event| progress.take(event)).await;
    drop(progress);
    let built = result.map_err(|error| explain(error, say))?;
    show_notes(&built, say);
    Ok(built)
}

/// Says every reason; the failure that is returned sums them up.
pub(crate) fn explain(error: BuildError, say: &Say) -> Failure {
    let document = Document::failed(None, &error, &[]);
    show(&document, &error, say);
    error.into()
}

/// Every reason for people: the compiler's own drawing where there is one.
fn show(document: &Document, error: &BuildError, say: &Say) {
    document.diagnostics.iter().for_each(|diagnostic| say.note(diagnostic.rendered.trim_end()));
    if matches!(error, BuildError::Refused(_)) {
        document.findings.iter().for_each(|found| say.bad(found));
    }
}

/// What an author should know of a build that went well.
fn show_notes(built: &Built, say: &Say) {
    for warning in &built.warnings {
        say.note(warning.rendered.trim_end());
    }
    for waiver in &built.waivers {
        say.warning(format_args!(
            "{}: {} asks for a waiver: {}; a reviewer grants it before staging (`ext waivers`)",
            waiver.place, waiver.rule, waiver.reason
        ));
    }
}

fn write(folder: &Folder, built: &Built) -> Result<PathBuf, Failure> {
    let definition = &built.version.definition;
    let directory = folder.path().join(RESULTS);
    let path = directory.join(format!("{}.wasm", definition.id));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(&directory)?;
        fs::write(&path, &built.component)?;
        fs::write(path.with_extension("json"), serde_json::to_vec_pretty(&**definition)?)
    };
    write().map_err(|error| Failure::Local(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}
