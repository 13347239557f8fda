//! One version that a host may run: its definition, and where its component is.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use extensions_types::ExtensionDefinition;
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};

/// Names a definition by its content: tenant, extension, version, digest,
/// limits and all. Two documents that say the same have the same key, so a
/// re-read entry finds what was loaded before, and what differs in one limit
/// is another thing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DefinitionKey([u8; 32]);

impl DefinitionKey {
    fn of(definition: &ExtensionDefinition) -> Self {
        // A definition was JSON before, or is made of texts and numbers: it always has a text.
        let text = serde_json::to_vec(definition).unwrap_or_default();
        Self(Sha256::digest(text).into())
    }
}

impl DefinitionKey {
    /// The first bytes as a number: for tables that tell versions apart themselves.
    #[must_use]
    pub fn hash64(&self) -> u64 {
        let [first, ..] = self.0.as_chunks::<8>().0 else { return 0 };
        u64::from_le_bytes(*first)
    }
}

impl fmt::Debug for DefinitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One version that a host may run.
#[derive(Debug)]
pub struct ServedVersion {
    /// Its immutable description.
    pub definition: Arc<ExtensionDefinition>,
    key: DefinitionKey,
    /// What whoever runs it has worked out for its calls.
    kept: OnceLock<Box<dyn Any + Send + Sync>>,
    component: Component,
}

/// Where a component's bytes are; their SHA-256 is `definition.digest`.
#[derive(Debug, Clone)]
pub enum Component {
    /// In memory.
    Here(Bytes),
    /// In a store: fetched when there is no code for it.
    Stored(Arc<dyn StoredComponent>),
}

impl From<Bytes> for Component {
    fn from(bytes: Bytes) -> Self {
        Self::Here(bytes)
    }
}

/// A component that a store keeps.
pub trait StoredComponent: Send + Sync + fmt::Debug {
    /// Its bytes, checked against the digest.
    ///
    /// # Errors
    /// When they cannot be had, or are not those of the digest.
    fn fetch(&self) -> BoxFuture<'_, Result<Bytes, NoComponent>>;
}

/// Why a component cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoComponent {
    /// The store does not answer.
    #[error("the component cannot be fetched now")]
    Unavailable,
    /// Lost, or other bytes than its digest says; asking again does not help.
    #[error("the stored component is damaged: {0}")]
    Damaged(String),
}

impl ServedVersion {
    /// A version of `definition` whose bytes are, or can be had from, `component`.
    #[must_use]
    pub fn new(definition: impl Into<Arc<ExtensionDefinition>>, component: impl Into<Component>) -> Self {
        let definition = definition.into();
        Self { key: DefinitionKey::of(&definition), definition, kept: OnceLock::new(), component: component.into() }
    }

    /// Names the definition by its content.
    #[must_use]
    pub fn key(&self) -> DefinitionKey {
        self.key
    }

    /// What is kept with this version as long as it is served, made at the first
    /// call: so that what every call needs is looked up once, with its version. Of
    /// one type; none for any other.
    pub fn kept<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.kept.get_or_init(|| Box::new(make())).downcast_ref()
    }

    /// Where the bytes are.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.component
    }
}
