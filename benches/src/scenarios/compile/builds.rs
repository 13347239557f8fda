//! Warm builds: the language's own tool on one changed source, beside all that
//! a worker does until the version is checked, compiled and tested.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use extensions_compiler_core::embed_world;
use extensions_guest_sdks::SDKS;
use extensions_host::THIS_BINARY;
use extensions_pipeline::{Authorship, Folder, Tools, Workbench, build, run_cases};
use extensions_sandbox::{Ending, Limits, Sandbox};
use extensions_toolchain::{ChildError, Direct, Finished, Home, Plan as ToolPlan, Request, Runner, Toolchain, sdk};
use extensions_types::{Kind, Language, TenantId, Version};
use extensions_worker::Isolation;
use tokio::runtime::Runtime;

use super::{repeated, shown};
use crate::harness::{Bound, Contender, Plan, Sample, Section, alternate};

/// An extension that has been built once, so that its next build is warm.
#[derive(Debug)]
pub(super) struct Source {
    folder: Folder,
    home: Home,
    /// The file that a round changes.
    rule: PathBuf,
    /// What the language's own tool is asked.
    tool: Vec<ToolPlan>,
    pub(super) module: Vec<u8>,
}

/// Runs on this machine as it is, and remembers what.
#[derive(Debug, Default)]
struct Recording(Mutex<Vec<ToolPlan>>);

impl Runner for Recording {
    fn run(&self, plan: &ToolPlan, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(plan.clone());
        Direct.run(plan, on_line)
    }

    fn keeps_layers(&self) -> bool {
        true
    }
}

impl Source {
    /// Builds the folder once.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let folder = Folder::open(folder)?;
        let language = folder.manifest().lang;
        let (home, recording) = (Home::from_env()?, Recording::default());
        let toolchain = Toolchain::find(&home, language)?;
        let unpacked = sdk::unpack(&home, SDKS.of(language))?;
        let target = home.target_dir(folder.path());
        let request = Request { home: &home, sdk: &unpacked, folder: folder.path(), target_dir: &target, runner: &recording };
        let module = toolchain.build(request, &mut |_| ())?.wasm;
        // As the pipeline does: what TinyGo makes does not describe its world.
        let module = if language == Language::TinyGo { embed_world(module, folder.manifest().kind) } else { module };
        let rule = rule(folder.path(), language)?;
        let tool = recording.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { folder, home, rule, tool, module })
    }

    pub(super) fn language(&self) -> Language {
        self.folder.manifest().lang
    }

    pub(super) fn name(&self) -> &'static str {
        self.language().as_str()
    }

    pub(super) fn kind(&self) -> Kind {
        self.folder.manifest().kind
    }

    /// Changes the source: a build of the same bytes could be answered from a cache.
    fn touch(&self) -> anyhow::Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(&self.rule).with_context(|| shown(&self.rule))?;
        Ok(writeln!(file, "// changed")?)
    }

    /// The tool alone.
    fn bare(&self) -> anyhow::Result<()> {
        for plan in &self.tool {
            let finished = Direct.run(plan, &mut |_| ())?;
            ensure!(finished.success, "{}: {}", shown(&plan.program), finished.stderr);
        }
        Ok(())
    }
}

fn rule(folder: &Path, language: Language) -> anyhow::Result<PathBuf> {
    let fixed = match language {
        Language::Rust => "src/lib.rs",
        Language::AssemblyScript => "assembly/index.ts",
        Language::TinyGo => {
            let mut files: Vec<_> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.sort();
            let is_rule = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "go");
            return files.into_iter().find(is_rule).context("a folder of TinyGo has a Go file");
        }
        Language::Wasm => anyhow::bail!("{} has no source to build", shown(folder)),
    };
    Ok(folder.join(fixed))
}

/// Both ways of building each source.
pub(super) fn measure(sources: &[Source], plan: Plan, section: &mut Section) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sandbox = Sandbox::new(THIS_BINARY, Sandbox::probe(THIS_BINARY)?).map_err(|lack| anyhow::anyhow!("no sandbox here: {lack}"))?;
    let runner = Isolation::Sandboxed(Arc::new(sandbox)).runner(Limits::default(), Ending::default());
    let home = tempfile::tempdir()?;
    let workbench = runtime.block_on(async { Workbench::start(home.path(), Path::new(THIS_BINARY)) })?;
    for source in sources {
        let tools = Tools { home: source.home.clone(), sdks: &SDKS, runner: Arc::clone(&runner) };
        let once = |_: Duration, work: &dyn Fn() -> anyhow::Result<()>| -> anyhow::Result<Sample> {
            source.touch()?;
            repeated(Duration::ZERO, work)
        };
        let contenders = vec![
            Contender::new(format!("bare build, {}", source.name()), |length| once(length, &|| source.bare())),
            Contender::new(format!("the worker's build, {}", source.name()), |length| {
                once(length, &|| runtime.block_on(whole(source, &tools, &workbench)))
            }),
        ];
        let series = alternate(contenders, plan)?;
        section.add("compile", &series);
        let seconds = |at: usize| series[at].median(|sample| sample.p50_micros) / 1e6;
        match source.language() {
            Language::AssemblyScript => section.goal("warm build in the worker, assemblyscript", seconds(1), "s", Bound::AtMost(3.0)),
            Language::Rust | Language::TinyGo | Language::Wasm => {
                section.goal(format!("warm build in the worker over bare, {}", source.name()), seconds(1) - seconds(0), "s", Bound::AtMost(1.0));
            }
        }
    }
    drop_in(&runtime, workbench);
    Ok(())
}

/// From the source to a version whose cases have passed.
async fn whole(source: &Source, tools: &Tools, workbench: &Workbench) -> anyhow::Result<()> {
    let authorship = Authorship { tenant: TenantId::parse("bench")?, version: Version::FIRST, created_by: "bench".to_owned() };
    let built = build(&source.folder, authorship, tools, workbench, &mut |_| ()).await?;
    let mut failed = Vec::new();
    run_cases(workbench, &built, &source.folder.cases()?, |case| failed.extend(case.difference)).await;
    ensure!(failed.is_empty(), "a case failed: {}", failed[0]);
    Ok(())
}

/// The engine ends on the runtime that it was started on.
fn drop_in(runtime: &Runtime, workbench: Workbench) {
    let _inside = runtime.enter();
    drop(workbench);
}
