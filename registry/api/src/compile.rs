//! Who compiles source: given by the composition, since a registry has no engine.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use extensions_registry_core::{Actor, Finding};
use extensions_types::{Evidence, ExtensionDefinition, ExtensionId, Manifest, Sha256, TenantId, Version};
use tokio::sync::mpsc;

use crate::Bundle;

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

/// Progress of a compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileEvent {
    /// A step began.
    StepStarted(String),
    /// A step ended.
    StepDone {
        /// Its name.
        step: String,
        /// How long it took.
        took: Duration,
        /// What it says of itself; may be empty.
        summary: String,
    },
    /// What a tool said about the source.
    Diagnostic {
        /// `error`, `warning` or `note`.
        level: String,
        /// As it was printed.
        text: String,
    },
}

/// What a compile gave.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The version's definition, with the component's digest.
    pub definition: ExtensionDefinition,
    /// The component.
    pub component: Bytes,
    /// How it came to be.
    pub evidence: Evidence,
}

/// Why a compile gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCompiled {
    /// The source is at fault; the draft has failed.
    Failed(Vec<Finding>),
    /// The compiler is: the draft stays as it is. Public text.
    Unavailable(String),
    /// This caller's source is not compiled here: the draft stays as it is. Public text.
    Denied(String),
}
