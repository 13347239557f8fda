//! Compiles pushed source on this machine, through the pipeline of `ext build`.
//!
//! Build scripts are foreign code, and this machine has no sandbox for them:
//! only what identities of this machine's own key pushed is compiled.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use extensions_modules::NotLoaded;
use extensions_pipeline::{Authorship, BuildError, Built, Case, Event, Folder, FolderError, Tools, Workbench, place, run_case};
use extensions_registry::Finding;
use extensions_registry::{CompileEvent, CompileJob, Compiled, NotCompiled, SourceCompiler};
use extensions_toolchain::Toolchain;
use extensions_types::{Evidence, Origin, Sha256, TestCounts, with_causes};
use tokio::{
    runtime::Handle,
    sync::{Mutex, mpsc::Sender},
};

use crate::dev_state::ISSUER;

/// The pipeline's step names, after its own, for the extension's cases.
const TEST_STEP: &str = "running its tests";
/// Cases that are told one by one: the first failures are those that matter.
const FAILED_CASES_TOLD: usize = 10;

/// Compiles one draft at a time: a build uses every core.
#[derive(Debug)]
pub(super) struct PipelineCompiler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tools: Tools,
    workbench: Workbench,
    /// Where sources are placed: one folder for each extension, so that its next build is short.
    sources: PathBuf,
    runtime: Handle,
    turn: Arc<Mutex<()>>,
}

impl PipelineCompiler {
    /// A compiler that runs on `runtime`, which must have threads to block.
    pub(super) fn new(tools: Tools, workbench: Workbench, sources: &Path, runtime: Handle) -> Self {
        Self(Arc::new(Inner { tools, workbench, sources: sources.to_owned(), runtime, turn: Arc::default() }))
    }
}

impl SourceCompiler for PipelineCompiler {
    fn compile(&self, job: CompileJob, tell: Sender<CompileEvent>) -> Pin<Box<dyn Future<Output = Result<Compiled, NotCompiled>> + Send>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            allowed(&job.asked_by.iss)?;
            let turn = Arc::clone(&inner.turn).lock_owned().await;
            let runtime = inner.runtime.clone();
            // A thread of its own: a build waits for cargo most of its time.
            let ended = inner.runtime.clone().spawn_blocking(move || {
                let _turn = turn;
                runtime.block_on(inner.compile(&job, &tell))
            });
            ended.await.unwrap_or_else(|error| Err(NotCompiled::Unavailable(format!("the compile broke off: {error}"))))
        })
    }
}

/// Build scripts of others are not run on this machine.
fn allowed(issuer: &str) -> Result<(), NotCompiled> {
    if issuer == ISSUER {
        return Ok(());
    }
    let text = "this machine compiles only what identities of its own `ext dev` push; push a component (`ext build`, `ext push FILE`)";
    Err(NotCompiled::Denied(text.to_owned()))
}

/// What is said while a compile goes on.
struct Teller<'t> {
    tell: &'t Sender<CompileEvent>,
}

impl Teller<'_> {
    /// Waits for whoever listens; nobody is no reason to stop.
    async fn say(&self, event: CompileEvent) {
        let _ = self.tell.send(event).await;
    }

    async fn diagnostic(&self, level: &str, text: String) {
        self.say(CompileEvent::Diagnostic { level: level.to_owned(), text }).await;
    }

    /// From within a build, which cannot wait: progress that finds no room is passed over.
    fn step(&self, event: Event<'_>) {
        let event = match event {
            Event::Begins(step) => CompileEvent::StepStarted(step.words().to_owned()),
            Event::Ended(step, took) => CompileEvent::StepDone { step: step.words().to_owned(), took, summary: String::new() },
            Event::Note(_) => return,
        };
        let _ = self.tell.try_send(event);
    }
}

impl Inner {
    async fn compile(&self, job: &CompileJob, tell: &Sender<CompileEvent>) -> Result<Compiled, NotCompiled> {
        let start = Instant::now();
        let teller = Teller { tell };
        let folder = self.sources.join(job.tenant.as_str()).join(job.extension.as_str());
        place(&folder, job.bundle.files()).map_err(|error| NotCompiled::Unavailable(with_causes(&error)))?;
        let folder = Folder::open(&folder).map_err(refused_folder)?;
        let cases = folder.cases().map_err(refused_folder)?;
        let authorship = Authorship { tenant: job.tenant.clone(), version: job.version, created_by: job.created_by.clone() };
        let built = extensions_pipeline::build(&folder, authorship, &self.tools, &self.workbench, &mut |event| teller.step(event)).await;
        let built = match built {
            Ok(built) => built,
            Err(error) => return Err(failed(error, &teller).await),
        };
        for warning in &built.warnings {
            teller.diagnostic(&warning.level, warning.rendered.clone()).await;
        }
        let tests = self.test(&built, &cases, &teller).await?;
        self.compiled(job, built, tests, start)
    }

    /// Runs the extension's own cases; none may fail.
    async fn test(&self, built: &Built, cases: &[Case], teller: &Teller<'_>) -> Result<TestCounts, NotCompiled> {
        let start = Instant::now();
        teller.say(CompileEvent::StepStarted(TEST_STEP.to_owned())).await;
        let mut counts = TestCounts::default();
        let mut findings = Vec::new();
        for case in cases {
            match run_case(&self.workbench, built, case).await.difference {
                None => counts.passed += 1,
                Some(difference) => {
                    counts.failed += 1;
                    if findings.len() < FAILED_CASES_TOLD {
                        teller.diagnostic("error", format!("{}\n{difference}", case.name)).await;
                        findings.push(finding(
                            "test",
                            "case_failed",
                            format!("the case {} fails", case.name),
                            "run `ext test` to see the difference",
                        ));
                    }
                }
            }
        }
        if counts.failed > 0 {
            return Err(NotCompiled::Failed(findings));
        }
        let summary = format!("{} cases passed", counts.passed);
        teller.say(CompileEvent::StepDone { step: TEST_STEP.to_owned(), took: start.elapsed(), summary }).await;
        Ok(counts)
    }

    fn compiled(&self, job: &CompileJob, built: Built, tests: TestCounts, start: Instant) -> Result<Compiled, NotCompiled> {
        let lost = |what: &str| NotCompiled::Unavailable(format!("{what}; compile it again"));
        let toolchain = Toolchain::find(&self.tools.home, job.manifest.lang).map_err(|error| NotCompiled::Unavailable(error.to_string()))?;
        let component_sha256: Sha256 = built.facts.digest.parse().map_err(|_| lost("the component has no digest"))?;
        let evidence = Evidence {
            origin: Origin::Source,
            source_sha256: job.bundle_sha256,
            component_sha256,
            component_bytes: built.facts.size as u64,
            toolchain: toolchain.version().to_owned(),
            imports: built.facts.imports,
            tests,
            at_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
            elapsed_ms: start.elapsed().as_millis() as u64,
            waivers: Vec::new(),
            build: None,
        };
        let definition = (*built.version.definition).clone();
        Ok(Compiled { definition, component: built.component, evidence })
    }
}

fn finding(step: &str, code: &str, message: impl Into<String>, remedy: &str) -> Finding {
    Finding::new(step, code, message, remedy)
}

fn refused_folder(error: FolderError) -> NotCompiled {
    NotCompiled::Failed(vec![finding("bundle", "bundle_refused", with_causes(&error), "mend it and push again")])
}

/// Whose fault it was, with every reason.
async fn failed(error: BuildError, teller: &Teller<'_>) -> NotCompiled {
    let findings = match &error {
        BuildError::Source(extensions_toolchain::BuildError::Compile { diagnostics }) => {
            let mut findings = Vec::new();
            for one in diagnostics {
                teller.diagnostic(&one.level, one.rendered.clone()).await;
                if one.level == "error" {
                    let place = one.file.as_ref().map_or_else(String::new, |file| format!(" ({file}:{})", one.line.unwrap_or_default()));
                    findings.push(finding("build", "does_not_compile", format!("{}{place}", one.message), ""));
                }
            }
            findings
        }
        BuildError::Refused(report) => {
            let of = |one: &extensions_compiler_core::Finding| finding(one.step.as_str(), one.code.as_str(), one.message.clone(), &one.remedy);
            report.findings.iter().map(of).collect()
        }
        // The author's: cargo's words, no module, the tool's description.
        BuildError::Source(error) if error.is_authors() => {
            vec![finding("build", "does_not_build", with_causes(error), "")]
        }
        BuildError::Folder(_) => vec![finding("bundle", "bundle_refused", with_causes(&error), "")],
        BuildError::Load(NotLoaded::Refused(_)) => vec![finding("load", "does_not_load", with_causes(&error), "")],
        BuildError::Describe(_) => vec![finding("describe", "does_not_describe", with_causes(&error), "")],
        // This machine's: no toolchain, no disk, no engine.
        BuildError::Toolchain(_) | BuildError::Sdk(_) | BuildError::Load(_) | BuildError::Source(_) => {
            return NotCompiled::Unavailable(with_causes(&error));
        }
    };
    NotCompiled::Failed(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identities_of_this_machine_are_compiled_for() {
        assert!(allowed(ISSUER).is_ok());
        for foreign in ["", "https://login.example", "ext-dev2", "EXT-DEV"] {
            assert!(matches!(allowed(foreign), Err(NotCompiled::Denied(_))), "{foreign}");
        }
    }
}
