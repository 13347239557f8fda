//! Says what an environment serves: entries by tenant and extension.
//!
//! A host reads entries through [`Catalog`]; where they come from is each
//! source's own business. [`Overlay`] is the source that `ext dev` fills.

mod overlay;
mod resolve;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use extensions_types::{CallLabel, ExtensionDefinition, ExtensionId, Kind, TenantId, Version};

pub use overlay::Overlay;
pub use resolve::{Hook, NotServed, resolve};

/// What one environment serves for one extension.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What `latest` means where no pin applies.
    pub current: Version,
    /// Every version that may be named: current, pinned, last good.
    pub versions: BTreeMap<Version, Arc<ServedVersion>>,
    /// Versions for single callers; they win over `hook_pins`.
    pub caller_pins: BTreeMap<CallLabel, Version>,
    /// Versions for single hook points.
    pub hook_pins: BTreeMap<CallLabel, Version>,
}

/// One version that a host may run.
#[derive(Debug)]
pub struct ServedVersion {
    /// Its immutable description.
    pub definition: Arc<ExtensionDefinition>,
    /// The component; its SHA-256 is `definition.digest`.
    pub component: Bytes,
}

/// Where a host's entries come from.
pub trait Catalog: Send + Sync + std::fmt::Debug {
    /// The entry of one extension; none where the tenant has no such extension.
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Option<Arc<Entry>>;

    /// The current versions of one tenant, ordered by id, at most `max`.
    fn list(&self, tenant: &TenantId, kind: Option<Kind>, max: usize) -> Vec<Arc<ServedVersion>>;

    /// Whether the source has been read once, so that "not found" is true.
    fn ready(&self) -> bool;
}
