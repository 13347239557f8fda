//! `ext build`: source to checked component, with what each step took.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use extensions_pipeline::{Authorship, BuildError, Built, Event, Folder, Step, Tools, Workbench};
use extensions_types::{TenantId, Version};
use serde_json::json;

use crate::{
    failure::Failure,
    say::{Say, seconds},
    tools,
};

/// Where results go, relative to the extension's folder.
const RESULTS: &str = "target/ext";

pub(crate) async fn run(folder: &Path, say: &Say) -> Result<(), Failure> {
    let (folder, built) = local(folder, say).await?;
    let path = write(&folder, &built)?;
    let facts = &built.facts;
    let steps: Vec<_> = built.steps.iter().map(|(step, took)| json!({"step": step, "seconds": took.as_secs_f64()})).collect();
    let value = json!({
        "path": path, "size": facts.size, "digest": facts.digest, "kind": built.version.definition.kind, "imports": facts.imports,
        "compact": facts.compact, "initial_memory_bytes": facts.initial_memory_bytes, "warnings": built.warnings, "steps": steps,
    });
    say.data(&value, format_args!("{}  {} bytes  sha256:{}", path.display(), facts.size, facts.digest));
    for why in &facts.not_compact {
        say.warning(format_args!("not compact, calls cost more: {why}"));
    }
    Ok(())
}

/// Builds the extension in `folder` for this machine's own use.
pub(crate) async fn local(folder: &Path, say: &Say) -> Result<(Folder, Built), Failure> {
    let folder = Folder::open(folder)?;
    let built = with_progress(&folder, authorship(), &tools::tools()?, &tools::workbench()?, say).await?;
    Ok((folder, built))
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
    for warning in &built.warnings {
        say.note(warning.rendered.trim_end());
    }
    Ok(built)
}

/// Says every reason; the failure that is returned sums them up.
pub(crate) fn explain(error: BuildError, say: &Say) -> Failure {
    match &error {
        BuildError::Source(extensions_toolchain::BuildError::Compile { diagnostics }) => {
            diagnostics.iter().for_each(|diagnostic| say.note(diagnostic.rendered.trim_end()));
            say.event(&json!({"diagnostics": diagnostics}));
        }
        BuildError::Refused(report) => {
            report.findings.iter().for_each(|finding| say.bad(finding));
            say.event(&json!({"findings": report.findings}));
        }
        _ => {}
    }
    error.into()
}

/// Shows the running step, and what each took when it has ended.
struct Progress<'s> {
    say: &'s Say,
    bar: Option<indicatif::ProgressBar>,
}

impl<'s> Progress<'s> {
    fn new(say: &'s Say) -> Self {
        Self { say, bar: None }
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Begins(step) => self.bar = Some(self.say.progress(step.words().to_owned())),
            Event::Note(note) => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("{} ({note})", Step::Source.words()));
                }
            }
            Event::Ended(step, took) => {
                self.clear();
                self.say.good(step_line(step, took));
            }
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

fn step_line(step: Step, took: Duration) -> String {
    format!("{:<36} {:>9}", step.words(), seconds(took))
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
