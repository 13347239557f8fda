//! Code that another has compiled and signed, from the environment's store.
//!
//! Whatever is wrong with it or with the store, this host compiles by itself:
//! shared code saves time and decides nothing.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use extensions_aot::{
    keys::PublicKeys,
    signed::{self, CodeFor, Opened, Unusable},
};
use extensions_artifact::{Key, Store, StoreError};
use extensions_types::Sha256;
use tokio::time::timeout;

/// A store that takes longer is slower than compiling, and a cold caller waits no longer.
const FETCH_MAX: Duration = Duration::from_secs(5);

type Keys = dyn Fn() -> Arc<PublicKeys> + Send + Sync;

/// Where shared code lies, and whose signatures count.
pub struct SharedCode {
    store: Store,
    keys: Box<Keys>,
}

/// Why there is no shared code. None of these stops a load.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotShared {
    #[error("nobody has compiled it for this engine yet")]
    Missing,
    #[error("shared code cannot be fetched now")]
    Unavailable(#[source] StoreError),
    #[error("shared code took more than {} s to fetch", FETCH_MAX.as_secs())]
    Slow,
    #[error("shared code is not used")]
    Unusable(#[from] Unusable),
}

impl NotShared {
    /// One word for counting.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unavailable(StoreError::TooLarge { .. }) => "too_large",
            Self::Unavailable(_) => "unavailable",
            Self::Slow => "slow",
            Self::Unusable(unusable) => unusable.word(),
        }
    }
}

impl SharedCode {
    /// Shared code in `store`, the environment's own; `keys` says whose
    /// signatures count at this moment, so that they can be rotated.
    #[must_use]
    pub fn new(store: Store, keys: impl Fn() -> Arc<PublicKeys> + Send + Sync + 'static) -> Self {
        Self { store, keys: Box::new(keys) }
    }

    /// The object, unverified.
    pub(crate) async fn fetch(&self, what: CodeFor) -> Result<Bytes, NotShared> {
        let key = Key::Precompiled { compat: Sha256::new(*what.engine.as_bytes()), component: what.component };
        let object = timeout(FETCH_MAX, self.store.get(&key)).await.map_err(|_| NotShared::Slow)?;
        object.map_err(NotShared::Unavailable)?.map(|object| object.bytes).ok_or(NotShared::Missing)
    }

    /// What an object holds, if a key that counts signed it for exactly this.
    pub(crate) fn open<'b>(&self, object: &'b [u8], what: CodeFor) -> Result<Opened<'b>, NotShared> {
        Ok(signed::open(object, what, &(self.keys)())?)
    }
}

impl fmt::Debug for SharedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCode").field("store", &self.store).finish_non_exhaustive()
    }
}
