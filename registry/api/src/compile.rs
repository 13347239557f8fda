//! Who compiles source: given by the composition, since a registry has no engine.

use std::{fmt, future::Future, pin::Pin};

use extensions_compile_jobs::{Bundle, CompileEvent, Compiled, NotCompiled};
use extensions_registry_core::Actor;
use extensions_types::{ExtensionId, Manifest, Sha256, TenantId, Version};
use tokio::sync::mpsc;

/// Compiles the source of drafts.
pub trait SourceCompiler: Send + Sync + fmt::Debug {
    /// Compiles one draft and tells its progress; a full channel may be
    /// waited for, a closed one means that nobody listens any more and is no
    /// reason to stop.
    fn compile(&self, job: CompileJob, tell: mpsc::Sender<CompileEvent>) -> Pin<Box<dyn Future<Output = Result<Compiled, NotCompiled>> + Send>>;
}

/// One draft to compile. Digest and bounds of the bundle have been checked.
#[derive(Debug, Clone)]
pub struct CompileJob {
    /// Whose extension.
    pub tenant: TenantId,
    /// The extension.
    pub extension: ExtensionId,
    /// The draft.
    pub version: Version,
    /// Who asked, as their token said.
    pub asked_by: Actor,
    /// The text for [`Metadata::created_by`](extensions_types::Metadata::created_by).
    pub created_by: String,
    /// The bundle's extension.toml, read.
    pub manifest: Manifest,
    /// The bundle's files.
    pub bundle: Bundle,
    /// SHA-256 of the bundle as it was pushed.
    pub bundle_sha256: Sha256,
}
