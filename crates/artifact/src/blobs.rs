//! Components as they leave the store: checked against their digest each time,
//! kept in memory within a bound, read once however many ask at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use extensions_types::Sha256;
use quick_cache::{Weighter, sync::Cache};
use serde::Deserialize;
use sha2::Digest as _;
use tokio::time::Instant;

use crate::{error::StoreError, key::Key, store::Store};

/// How many failures are remembered: all are dropped when there are more.
const FAILURES_MAX: usize = 1_024;
/// How long a store's own failure is handed to others who wait for the same blob, instead of each trying in turn.
const PASSING: Duration = Duration::from_millis(250);
/// Expected number of blobs in a cache of the default size; a hint for its tables.
const BLOBS_HINT: usize = 1_024;
/// Bytes of key and bookkeeping counted for each blob.
const OVERHEAD_BYTES: u64 = 256;

/// The SHA-256 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}

/// Why a blob was not handed out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlobError {
    /// It is not in the store.
    #[error("`{path}` is not in the store")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// Its bytes are others than its reference says.
    #[error("`{path}` is corrupt: its SHA-256 is {got}, {wanted} was expected; restore it from a backup or the registry's store")]
    Corrupt {
        /// Where it lies.
        path: String,
        /// What the reference says.
        wanted: Sha256,
        /// What was read.
        got: Sha256,
    },
    /// The store did not give it.
    #[error("a blob cannot be read")]
    Store(#[from] StoreError),
}

/// Bounds of a cache of blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlobSettings {
    /// Bytes kept.
    pub cache_bytes: u64,
    /// How long a missing or corrupt blob is not asked for again.
    pub failure_ms: u64,
}

impl Default for BlobSettings {
    /// Compiled modules are kept elsewhere: this holds what is about to be compiled, and what tenants share.
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024, failure_ms: 2_000 }
    }
}

#[derive(Debug, Clone, Copy)]
struct ByBytes;

impl Weighter<Sha256, Bytes> for ByBytes {
    fn weight(&self, _: &Sha256, bytes: &Bytes) -> u64 {
        bytes.len() as u64 + OVERHEAD_BYTES
    }
}

/// Verified blobs of one store. Cheap to clone; clones share the cache.
#[derive(Debug, Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    /// By digest: equal components of many tenants are one.
    cache: Cache<Sha256, Bytes, ByBytes>,
    failures: Failures,
}

impl Blobs {
    /// Blobs of `store`.
    #[must_use]
    pub fn new(store: Store, settings: BlobSettings) -> Self {
        let cache = Cache::with_weighter(BLOBS_HINT, settings.cache_bytes, ByBytes);
        let failures = Failures { life: Duration::from_millis(settings.failure_ms), known: Mutex::default() };
        Self { inner: Arc::new(Inner { store, cache, failures }) }
    }

    /// The bytes at `key`, which have the digest `sha256`.
    ///
    /// # Errors
    /// Failures are remembered for a moment, so that many calls of a broken extension do not ask the store
    /// again and again.
    pub async fn fetch(&self, key: &Key, sha256: &Sha256) -> Result<Bytes, BlobError> {
        let load = async {
            // Beside the guard: only one task asks, and the others get its failure in their turn.
            if let Some(error) = self.inner.failures.recent(key, sha256) {
                return Err(error);
            }
            let loaded = self.read(key, sha256).await;
            if let Err(error) = &loaded {
                self.inner.failures.remember(key, sha256, error);
            }
            loaded
        };
        self.inner.cache.get_or_insert_async(sha256, load).await
    }

    /// The same without looking at or filling the cache: for copies and checks.
    ///
    /// # Errors
    /// As [`Blobs::fetch`].
    pub async fn read(&self, key: &Key, sha256: &Sha256) -> Result<Bytes, BlobError> {
        let object = self.inner.store.get(key).await?.ok_or_else(|| BlobError::Missing { path: key.path() })?;
        let got = digest(&object.bytes);
        if got == *sha256 { Ok(object.bytes) } else { Err(BlobError::Corrupt { path: key.path(), wanted: *sha256, got }) }
    }

    /// Bytes kept at the moment.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.inner.cache.weight()
    }
}

/// What failed a moment ago.
#[derive(Debug)]
struct Failures {
    life: Duration,
    known: Mutex<HashMap<(Key, Sha256), (Instant, BlobError)>>,
}

impl Failures {
    fn recent(&self, key: &Key, sha256: &Sha256) -> Option<BlobError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, error) = known.get(&(key.clone(), *sha256))?;
        (since.elapsed() < self.life_of(error)).then(|| error.clone())
    }

    fn life_of(&self, error: &BlobError) -> Duration {
        match error {
            BlobError::Missing { .. } | BlobError::Corrupt { .. } => self.life,
            BlobError::Store(_) => self.life.min(PASSING),
        }
    }

    fn remember(&self, key: &Key, sha256: &Sha256, error: &BlobError) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= FAILURES_MAX {
            known.retain(|_, (since, error)| since.elapsed() < self.life_of(error));
        }
        if known.len() >= FAILURES_MAX {
            known.clear();
        }
        known.insert((key.clone(), *sha256), (Instant::now(), error.clone()));
    }
}
