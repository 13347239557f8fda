//! How a compile ended.

use bytes::Bytes;
use extensions_types::{Evidence, ExtensionDefinition, Finding};

/// What a compile gave. The registry checks all of it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The version's definition, with the component's digest.
    pub definition: ExtensionDefinition,
    /// The component: at most 4 MiB.
    pub component: Bytes,
    /// How it came to be. Digests, sizes and imports are the registry's own in the end.
    pub evidence: Evidence,
}

/// Why a compile gave nothing. Texts are public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCompiled {
    /// The source is at fault: the draft fails, for good.
    Failed(Vec<Finding>),
    /// The compiler is at fault: the draft stays as it is, whoever waits is told, and it
    /// is compiled again when somebody asks.
    Unavailable(String),
    /// This caller's source is not compiled here: the draft stays as it is, and
    /// whoever waits is told.
    Denied(String),
    /// The worker stops before it came to an end: another may have the job at
    /// once, and the attempt does not count.
    GivenBack,
}
