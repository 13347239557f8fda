//! Which loaded version is meant, and what its code weighs.

use std::sync::Arc;

use extensions_aot::Digest;
use extensions_catalog::ServedVersion;
use extensions_engine::{Extension, Mapped};
use extensions_types::{ExtensionDefinition, ExtensionId, TenantId, Version};

/// A version and its component: an overlay may replace one under a version's number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    tenant: TenantId,
    extension: ExtensionId,
    version: Version,
    digest: String,
}

impl Key {
    pub(crate) fn of(version: &ServedVersion) -> Self {
        let definition = &version.definition;
        Self {
            tenant: definition.tenant_id.clone(),
            extension: definition.id.clone(),
            version: definition.version,
            digest: definition.digest.clone(),
        }
    }
}

/// The same without owning: for look-ups on the hot path.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Borrowed<'v> {
    tenant: &'v TenantId,
    extension: &'v ExtensionId,
    version: Version,
    digest: &'v str,
}

impl<'v> Borrowed<'v> {
    pub(crate) fn of(version: &'v ServedVersion) -> Self {
        let ExtensionDefinition { tenant_id, id, version, digest, .. } = &*version.definition;
        Self { tenant: tenant_id, extension: id, version: *version, digest }
    }
}

impl quick_cache::Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.tenant == key.tenant && *self.extension == key.extension && self.version == key.version && *self.digest == *key.digest
    }
}

/// Weighs mapped code by its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeWeight;

impl quick_cache::Weighter<Digest, Mapped> for CodeWeight {
    fn weight(&self, _: &Digest, mapped: &Mapped) -> u64 {
        (mapped.bytes() as u64).max(crate::CODE_BYTES_MIN)
    }
}

impl quick_cache::Weighter<Key, Arc<Extension>> for CodeWeight {
    fn weight(&self, _: &Key, extension: &Arc<Extension>) -> u64 {
        (extension.code_bytes() as u64).max(crate::CODE_BYTES_MIN)
    }
}
