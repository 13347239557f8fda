//! From a folder, or from bytes alone, to a version that could be served.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_catalog::ServedVersion;
use extensions_compiler_core::{Expected, Facts, Report};
use extensions_engine::Extension;
use extensions_modules::NotLoaded;
use extensions_toolchain::{
    BuiltModule, Diagnostic, Home, Missing, Request, Runner, Toolchain,
    sdk::{self, Sdks, UnpackError},
};
use extensions_types::{Build, ExtensionId, Kind, Language, Manifest, Schemas, TenantId, Version};
use serde::Serialize;

use crate::{
    folder::{Folder, FolderError},
    workbench::{DescribeError, Workbench},
};

/// What a build needs beside the folder.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Where toolchains, SDKs and results are kept.
    pub home: Home,
    /// The packed guest SDKs.
    pub sdks: &'static Sdks,
    /// Who runs the toolchains.
    pub runner: Arc<dyn Runner>,
}

/// Whose version it is.
#[derive(Debug, Clone)]
pub struct Authorship {
    /// The owner.
    pub tenant: TenantId,
    /// The version's number.
    pub version: Version,
    /// Who builds.
    pub created_by: String,
}

/// What a build tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'e> {
    /// A step begins.
    Begins(Step),
    /// A part of the running step: a crate that is compiled.
    Note(&'e str),
    /// A step has ended.
    Ended(Step, Duration),
}

/// The steps of a build, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Source to core module.
    Source,
    /// Module to checked component.
    Check,
    /// Component to machine code, in the child.
    Compile,
    /// A tool says what it is.
    Describe,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Source => "building the source",
            Self::Check => "checking the component",
            Self::Compile => "compiling to machine code",
            Self::Describe => "asking the tool to describe itself",
        }
    }
}

/// A version that has passed every step.
#[derive(Debug)]
pub struct Built {
    /// Ready to be served.
    pub version: Arc<ServedVersion>,
    /// Its component.
    pub component: Bytes,
    /// Ready to be run.
    pub extension: Arc<Extension>,
    /// What the check found out.
    pub facts: Facts,
    /// The compiler's warnings about the author's code.
    pub warnings: Vec<Diagnostic>,
    /// How long each step took.
    pub steps: Vec<(Step, Duration)>,
}

/// Why there is no version.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is no extension, or a file of it is refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// No toolchain.
    #[error(transparent)]
    Toolchain(#[from] Missing),
    /// The SDK cannot be unpacked.
    #[error(transparent)]
    Sdk(#[from] UnpackError),
    /// The source does not build.
    #[error(transparent)]
    Source(#[from] extensions_toolchain::BuildError),
    /// The component may not be served.
    #[error("the component may not be served")]
    Refused(Box<Report>),
    /// It does not compile or link.
    #[error(transparent)]
    Load(#[from] NotLoaded),
    /// The tool's description is unusable.
    #[error(transparent)]
    Describe(#[from] DescribeError),
}

/// Times steps and tells about them.
struct Steps<'s> {
    done: Vec<(Step, Duration)>,
    tell: &'s mut dyn FnMut(Event<'_>),
}

impl Steps<'_> {
    async fn timed<T, E>(&mut self, step: Step, work: impl AsyncFnOnce(&mut dyn FnMut(Event<'_>)) -> Result<T, E>) -> Result<T, E> {
        (self.tell)(Event::Begins(step));
        let start = Instant::now();
        let result = work(self.tell).await?;
        let took = start.elapsed();
        (self.tell)(Event::Ended(step, took));
        self.done.push((step, took));
        Ok(result)
    }
}

/// Builds the extension in `folder`.
///
/// # Errors
/// Names the step that failed, with everything it has to say.
pub async fn build(
    folder: &Folder,
    authorship: Authorship,
    tools: &Tools,
    workbench: &Workbench,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Built, BuildError> {
    let manifest = folder.manifest().clone();
    let schemas = folder.schemas()?;
    let mut steps = Steps { done: Vec::new(), tell };
    let module = steps.timed(Step::Source, async |tell| from_source(manifest.lang, folder.path(), tools, tell)).await?;
    let mut built = finish(&module.wasm, manifest, schemas, authorship, workbench, steps).await?;
    built.warnings = module.diagnostics;
    Ok(built)
}

/// Takes a component or core module as it is, without source.
///
/// # Errors
/// Like [`build()`].
pub async fn admit(
    module: &[u8],
    manifest: Manifest,
    authorship: Authorship,
    workbench: &Workbench,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Built, BuildError> {
    finish(module, manifest, Schemas::default(), authorship, workbench, Steps { done: Vec::new(), tell }).await
}

/// A manifest for bytes that come alone: every limit is the default.
#[must_use]
pub fn bare_manifest(id: ExtensionId, kind: Kind) -> Manifest {
    let text = format!("id = \"{id}\"\nkind = \"{kind}\"\nlang = \"{}\"\n", Language::Rust.as_str());
    Manifest::parse(&text).expect("ids and kinds need no quoting")
}

fn from_source(language: Language, folder: &Path, tools: &Tools, tell: &mut dyn FnMut(Event<'_>)) -> Result<BuiltModule, BuildError> {
    let toolchain = Toolchain::find(&tools.home, language)?;
    let sdk = sdk::unpack(&tools.home, tools.sdks.of(language))?;
    let target_dir = tools.home.target_dir(folder);
    let request = Request { home: &tools.home, sdk: &sdk, folder, target_dir: &target_dir, runner: &*tools.runner };
    let mut note = |name: &str| tell(Event::Note(name));
    // A compiler runs for seconds; this thread has nothing else to do meanwhile.
    Ok(tokio::task::block_in_place(|| toolchain.build(request, &mut note))?)
}

async fn finish(
    module: &[u8],
    manifest: Manifest,
    schemas: Schemas,
    authorship: Authorship,
    workbench: &Workbench,
    mut steps: Steps<'_>,
) -> Result<Built, BuildError> {
    let kind = manifest.kind;
    let declared = !manifest.host_calls.is_empty();
    let checked = steps.timed(Step::Check, async |_| {
        let mut report = extensions_compiler_core::check(module, Expected { kind: Some(kind), host_calls: declared });
        match (report.component.take(), report.facts.clone()) {
            (Some(component), Some(facts)) => Ok((component, facts)),
            _ => Err(BuildError::Refused(Box::new(report))),
        }
    });
    let (component, facts) = checked.await?;
    let component = Bytes::from(component);
    let define = |schemas, tool| {
        let Authorship { tenant, version, created_by } = authorship.clone();
        let build = Build { tenant, version, digest: facts.digest.clone(), schemas, tool, created_by };
        Arc::new(ServedVersion::new(manifest.clone().define(build), component.clone()))
    };
    let mut version: Arc<ServedVersion> = define(schemas, None);
    let mut extension = steps.timed(Step::Compile, async |_| workbench.load(&version).await).await?;
    if kind == Kind::AgentTool {
        let (tool, schemas) = steps.timed(Step::Describe, async |_| workbench.describe(&extension).await).await?;
        version = define(schemas, Some(tool));
        // The code is there already; only the schemas are compiled anew.
        extension = workbench.load(&version).await?;
    }
    Ok(Built { version, component, extension, facts, warnings: Vec::new(), steps: steps.done })
}
