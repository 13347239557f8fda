//! Markers: "event `seq` of this history may come, and then this environment's
//! entry is behind". Written before the event, removed after the entry.
//!
//! A marker is named by the number of the event that it announces. It may go as
//! soon as the history has reached that number (nobody can create that event any
//! more) and the entry is what the history says. From then on nobody needs it,
//! so that a removal may come late, twice or from anyone: it never takes away a
//! marker that another command relies on, which has a later number.

use extensions_artifact::{Key, Owned, document};
use extensions_types::{CallLabel, Environment};
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::{LedgerError, Stores};

/// For people who look into the store; nothing is decided by it.
#[derive(Debug, Serialize)]
struct Marker<'a> {
    command_id: &'a CallLabel,
    at_ms: u64,
}

/// Announces event `seq` for these environments.
pub(crate) async fn put(stores: &Stores, of: &Owned, envs: &[Environment], seq: u64, command_id: &CallLabel, at_ms: u64) -> Result<(), LedgerError> {
    let puts = envs.iter().map(|&env| async move {
        let key = of.pending(env, seq);
        let bytes = document::encode(&Marker { command_id, at_ms }).map_err(|error| LedgerError::document(&key, error))?;
        stores.registry().put(&key, bytes).await?;
        Ok::<_, LedgerError>(())
    });
    try_join_all(puts).await.map(drop)
}

/// Takes markers away. Only for what the module's text allows; a failure leaves it to the reconciler.
pub(crate) async fn remove(stores: &Stores, keys: impl IntoIterator<Item = Key>) {
    let removals = keys.into_iter().map(|key| async move {
        if let Err(error) = stores.registry().delete(&key).await {
            tracing::debug!(%key, %error, "a marker stays; the reconciler removes it");
        }
    });
    futures_util::future::join_all(removals).await;
}
