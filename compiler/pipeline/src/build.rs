//! From a folder, or from bytes alone, to a version that could be served.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use extensions_catalog::ServedVersion;
use extensions_compiler_core::{
    Facts, Report, embed_world,
    secrets::{Scanned, scan_files},
};
use extensions_engine::Extension;
use extensions_json::Violation;
use extensions_modules::NotLoaded;
use extensions_toolchain::{
    BuiltModule, Diagnostic, Home, Missing, Request, Runner, Toolchain,
    sdk::{self, Sdks, UnpackError},
};
use extensions_types::{ExtensionId, FailureCause, Kind, Language, Manifest, Schemas, Sha256, TenantId, Version, Waiver};

use crate::{
    evidence::SourceFacts,
    finish::Finish,
    folder::{Folder, FolderError},
    steps::{Event, Step, Steps, Times},
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
    /// What the author asks to be excused from.
    pub waivers: Vec<Waiver>,
    /// How the source was built; none where there was none.
    pub source: Option<SourceFacts>,
    /// How long each step took.
    pub steps: Times,
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
    /// A toolchain names its inputs by something else than a digest: a fault of ours.
    #[error("`{0}` is no SHA-256; report it")]
    Digest(String),
    /// The component may not be served.
    #[error("the component may not be served")]
    Refused(Box<Report>),
    /// It does not compile or link.
    #[error(transparent)]
    Load(#[from] NotLoaded),
    /// The tool's description is unusable.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// A stored answer of the failure contract is none that the extension could give.
    #[error("extension.toml: failure.{}: the default does not match the output schema", cause.as_str())]
    Default {
        /// Whose.
        cause: FailureCause,
        /// Where it differs.
        #[source]
        source: Violation,
    },
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
    let mut steps = Steps::new(tell);
    let (module, source) = steps.timed(Step::Source, async |tell| from_source(manifest.lang, folder.path(), tools, tell)).await?;
    let scanned = steps.timed(Step::Secrets, async |_| secrets_of(folder)).await?;
    // TinyGo's modules leave it to us to say which world they implement.
    let wasm = if manifest.lang == Language::TinyGo { embed_world(module.wasm, manifest.kind) } else { module.wasm };
    let mut built = Finish { manifest, schemas, authorship, workbench }.run(&wasm, scanned, steps).await?;
    built.warnings = module.diagnostics;
    built.source = source;
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
    Finish { manifest, schemas: Schemas::default(), authorship, workbench }.run(module, Scanned::default(), Steps::new(tell)).await
}

/// Secrets in the sources: findings, and what a marker asks to let pass.
fn secrets_of(folder: &Folder) -> Result<Scanned, FolderError> {
    let files = folder.files()?;
    Ok(scan_files(files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..]))))
}

/// A manifest for bytes that come alone: every limit is the default.
#[must_use]
pub fn bare_manifest(id: ExtensionId, kind: Kind) -> Manifest {
    let text = format!("id = \"{id}\"\nkind = \"{kind}\"\nlang = \"{}\"\n", Language::Rust.as_str());
    Manifest::parse(&text).expect("ids and kinds need no quoting")
}

fn from_source(
    language: Language,
    folder: &Path,
    tools: &Tools,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<(BuiltModule, Option<SourceFacts>), BuildError> {
    let toolchain = Toolchain::find(&tools.home, language)?;
    let sdk = sdk::unpack(&tools.home, tools.sdks.of(language))?;
    let target_dir = tools.home.target_dir(folder);
    let request = Request { home: &tools.home, sdk: &sdk, folder, target_dir: &target_dir, runner: &*tools.runner };
    let mut note = |name: &str| tell(Event::Note(name));
    // A compiler runs for seconds; this thread has nothing else to do meanwhile.
    let module = tokio::task::block_in_place(|| toolchain.build(request, &mut note))?;
    if language == Language::Wasm {
        // Nobody here knows how it was made.
        return Ok((module, None));
    }
    let digest = |text: &str| text.parse::<Sha256>().map_err(|_| BuildError::Digest(text.to_owned()));
    let facts = SourceFacts {
        language,
        toolchain: toolchain.version().to_owned(),
        flags: module.flags.clone(),
        sdk_sha256: digest(&sdk.digest)?,
        dependencies_sha256: digest(&module.dependencies_sha256)?,
        module_bytes: module.wasm.len() as u64,
    };
    Ok((module, Some(facts)))
}
