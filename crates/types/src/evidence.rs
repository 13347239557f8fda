//! The version document: a definition, and how its component came to be.

use serde::{Deserialize, Serialize};

use crate::{ExtensionDefinition, Origin, SchemaV1, Sha256};

/// `<version>.json` beside the component. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionDocument {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// What the version is and may do.
    pub definition: ExtensionDefinition,
    /// How it came to be.
    pub evidence: Evidence,
}

/// What was seen while a version was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Built here, or a binary from outside.
    pub origin: Origin,
    /// Digest of the bundle that was pushed.
    pub source_sha256: Sha256,
    /// Digest of the component.
    pub component_sha256: Sha256,
    /// Size of the component.
    pub component_bytes: u64,
    /// What built it, such as `rustc 1.95.0`; empty for an uploaded binary.
    pub toolchain: String,
    /// The component's imports, each as `package:name/interface@version`.
    pub imports: Vec<String>,
    /// The extension's own cases.
    pub tests: TestCounts,
    /// When it was done, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// How an extension's own cases ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCounts {
    /// Cases as expected.
    pub passed: u32,
    /// Cases that were not.
    pub failed: u32,
}
