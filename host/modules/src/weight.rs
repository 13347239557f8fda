//! What loaded code weighs in its caches.

use std::sync::Arc;

use extensions_catalog::DefinitionKey;
use extensions_engine::{Extension, Mapped};
use extensions_types::Sha256;

/// Weighs mapped code by its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeWeight;

impl quick_cache::Weighter<Sha256, Mapped> for CodeWeight {
    fn weight(&self, _: &Sha256, mapped: &Mapped) -> u64 {
        (mapped.bytes() as u64).max(crate::CODE_BYTES_MIN)
    }
}

impl quick_cache::Weighter<DefinitionKey, Arc<Extension>> for CodeWeight {
    fn weight(&self, _: &DefinitionKey, extension: &Arc<Extension>) -> u64 {
        (extension.code_bytes() as u64).max(crate::CODE_BYTES_MIN)
    }
}
