//! One job: from a bundle to a component with its evidence, or to every reason why not.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use extensions_compile_jobs::{Bundle, Claimed, CompileEvent, Compiled, NotCompiled};
use extensions_pipeline::{Authorship, BuildError, Built, Case, Circumstances, Event, Folder, FolderError, Tools, Workbench, failed_cases, place};
use extensions_toolchain::Toolchain;
use extensions_types::{Build, Finding, Manifest, Sha256, with_causes};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::{
    discreet::Discreet,
    isolation::Isolation,
    journal::{CRASHES_MAX, Journal},
    results::{Kept, Key, Results},
    teller::Teller,
    warm,
};

/// Where a slot places the sources that it builds.
const SOURCE: &str = "source";

/// What every job of a worker works with.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) tools: Tools,
    pub(crate) workbench: Workbench,
    pub(crate) isolation: Isolation,
    pub(crate) results: Results,
    pub(crate) journal: Journal,
    /// All cases of one extension together.
    pub(crate) tests_within: Duration,
}

impl Workshop {
    /// Compiles one job in `slot`, a folder that is this job's alone meanwhile. Blocks its thread.
    pub(crate) async fn compile(&self, job: &Claimed, slot: &Path, tell: &Teller) -> Result<Compiled, NotCompiled> {
        let start = Instant::now();
        self.isolation.admits(job)?;
        if Sha256::new(Hasher::digest(&job.source).into()) != job.source_sha256 {
            return Err(NotCompiled::Unavailable("the source arrived damaged; ask for the compile again".to_owned()));
        }
        self.not_poisoned(job)?;
        let _running = self.journal.begin(&job.job, job.source_sha256).map_err(|error| broken("the journal", &error))?;
        let bundle = Bundle::unpack(&job.source).map_err(|error| refused("bundle_refused", error.to_string(), "pack it with `ext push`"))?;
        let source = slot.join(SOURCE);
        place(&source, bundle.files()).map_err(|error| broken("placing the sources", &error))?;
        drop(bundle);
        let work = Work { shop: self, job, tell, discreet: Discreet::new(&source, self.tools.home.path()), start };
        let compiled = work.run(&source).await;
        if let Err(error) = std::fs::remove_dir_all(&source) {
            tracing::warn!(%error, "a job's sources stay behind; the slot's next job replaces them");
        }
        compiled
    }

    /// A source that ended the worker itself again and again is not tried once more.
    fn not_poisoned(&self, job: &Claimed) -> Result<(), NotCompiled> {
        let crashes = self.journal.crashes(&job.source_sha256);
        if crashes < CRASHES_MAX {
            return Ok(());
        }
        let message = format!("compile workers ended {crashes} times while they built this source; it is set aside");
        Err(refused("compile_poisoned", message, "change it; if it is an ordinary rule, report it to the platform's operators"))
    }
}

/// One job under way.
struct Work<'w> {
    shop: &'w Workshop,
    job: &'w Claimed,
    tell: &'w Teller,
    discreet: Discreet,
    start: Instant,
}

impl Work<'_> {
    async fn run(&self, source: &Path) -> Result<Compiled, NotCompiled> {
        let folder = Folder::open(source).map_err(|error| self.folder(&error))?;
        let cases = folder.cases().map_err(|error| self.folder(&error))?;
        let manifest = folder.manifest().clone();
        let tools = &self.shop.tools;
        let toolchain = Toolchain::find(&tools.home, manifest.lang).map_err(|error| {
            tracing::error!(%error, "a job needs a toolchain that is not here");
            // Asking again would change nothing, and nobody should wait for it.
            let lang = manifest.lang.as_str();
            NotCompiled::Denied(format!("this worker has no toolchain for {lang}; `ext toolchain install {lang}` installs it where the worker runs"))
        })?;
        let (tenant, source) = (&self.job.job.tenant, &self.job.source_sha256);
        let key = Key { tenant, source, toolchain: toolchain.version(), sdk: tools.sdks.of(manifest.lang).digest };
        if let Some((kept, component)) = self.shop.results.get(key) {
            let step = "answering from an equal compile".to_owned();
            self.tell.say(CompileEvent::StepDone { step, took: self.start.elapsed(), summary: String::new() });
            return Ok(self.compiled(manifest, kept, component));
        }
        self.prepare(&toolchain);
        let (kept, component) = self.build(&folder, &cases).await?;
        if let Err(error) = self.shop.results.put(key, &kept, &component) {
            tracing::warn!(%error, "a finished compile cannot be kept; an equal one will be built again");
        }
        Ok(self.compiled(manifest, kept, component))
    }

    /// What the language's extensions share is there before the sandbox shows it to this one.
    fn prepare(&self, toolchain: &Toolchain) {
        if let Isolation::Sandboxed(_) = self.shop.isolation
            && let Some(took) = tokio::task::block_in_place(|| warm::ensure(&self.shop.tools, toolchain))
        {
            let step = "building the language's dependencies, once".to_owned();
            self.tell.say(CompileEvent::StepDone { step, took, summary: String::new() });
        }
    }

    async fn build(&self, folder: &Folder, cases: &[Case]) -> Result<(Kept, Bytes), NotCompiled> {
        let job = &self.job.job;
        let authorship = Authorship { tenant: job.tenant.clone(), version: job.version, created_by: self.job.created_by.clone() };
        let shop = self.shop;
        let mut built = extensions_pipeline::build(folder, authorship, &shop.tools, &shop.workbench, &mut |event| self.step(event))
            .await
            .map_err(|error| self.failed(&error))?;
        for warning in &built.warnings {
            self.tell.diagnostic(&warning.level, self.discreet.text(&warning.rendered));
        }
        let tests = self.test(&mut built, cases).await?;
        let component_sha256 = built.facts.digest.parse().map_err(|_| broken("the component's digest", &"it is no SHA-256"))?;
        let circumstances = Circumstances {
            source_sha256: self.job.source_sha256,
            isolation: shop.isolation.words(),
            at_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            elapsed: self.start.elapsed(),
        };
        let evidence = built.evidence(component_sha256, circumstances, &tests);
        let definition = &built.version.definition;
        Ok((Kept { abi: definition.abi, schemas: definition.schemas.clone(), tool: definition.tool.clone(), evidence }, built.component))
    }

    /// Runs the extension's own cases; none may fail.
    async fn test(&self, built: &mut Built, cases: &[Case]) -> Result<Vec<extensions_pipeline::CaseResult>, NotCompiled> {
        let within = self.shop.tests_within;
        let mut step = |event: Event<'_>| self.step(event);
        let tests = tokio::time::timeout(within, built.test(&self.shop.workbench, cases, &mut step));
        let results = tests.await.map_err(|_| {
            let message = format!("the cases took more than {} s together", within.as_secs());
            refused("tests_too_long", message, "have fewer cases, or ones that end sooner")
        })?;
        let failed = failed_cases(&results);
        for finding in &failed {
            self.tell.diagnostic("error", finding.message.clone());
        }
        if failed.is_empty() { Ok(results) } else { Err(NotCompiled::Failed(failed)) }
    }

    /// What is this version's own around what was compiled.
    fn compiled(&self, manifest: Manifest, kept: Kept, component: Bytes) -> Compiled {
        let job = &self.job.job;
        let Kept { abi, schemas, tool, evidence } = kept;
        let digest = evidence.component_sha256.to_string();
        let created_by = self.job.created_by.clone();
        let build = Build { tenant: job.tenant.clone(), abi, version: job.version, digest, schemas, tool, created_by };
        Compiled { definition: manifest.define(build), component, evidence }
    }

    fn step(&self, event: Event<'_>) {
        self.tell.say(match event {
            Event::Begins(step) => CompileEvent::StepStarted(step.words().to_owned()),
            Event::Ended(step, took) => CompileEvent::StepDone { step: step.words().to_owned(), took, summary: String::new() },
            Event::Note(_) => return,
        });
    }

    fn folder(&self, error: &FolderError) -> NotCompiled {
        refused("bundle_refused", self.discreet.text(&with_causes(error)), "mend it and push again")
    }

    /// Whose fault it was, with every reason.
    fn failed(&self, error: &BuildError) -> NotCompiled {
        if !error.is_authors() {
            return broken("the build", error);
        }
        if let BuildError::Source(extensions_toolchain::BuildError::Compile { diagnostics }) = error {
            for one in diagnostics {
                self.tell.diagnostic(&one.level, self.discreet.text(&one.rendered));
            }
        }
        NotCompiled::Failed(self.discreet.findings(error.findings()))
    }
}

fn refused(code: &str, message: String, remedy: &str) -> NotCompiled {
    let step = if code.starts_with("bundle") { "bundle" } else { "build" };
    NotCompiled::Failed(vec![Finding::new(step, code, message, remedy)])
}

/// This machine's fault: the log says more than whoever waits may know.
fn broken(what: &str, error: &(impl std::fmt::Display + ?Sized)) -> NotCompiled {
    tracing::error!(%error, "{what} failed on this worker");
    NotCompiled::Unavailable(format!("{what} failed on the compile worker; its log says why, and the compile may be asked for again"))
}
