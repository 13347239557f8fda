//! Creating an event: put-if-absent under the next number, so that of all
//! registries one wins.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use extensions_artifact::{Created, Key, Store, document};
use extensions_registry_core::Event;
use serde::Serialize;

use crate::LedgerError;

/// Tries of one command before it is CONFLICT. Commands of one registry take
/// turns, so that a rival is another registry; losing this often to a few of
/// them means that they do nothing else.
pub(crate) const TRIES_MAX: u32 = 16;
/// The longest pause after a lost race; it begins at a few milliseconds.
const PAUSE_MAX: Duration = Duration::from_millis(200);
const PAUSE_FIRST: Duration = Duration::from_millis(5);

/// How creating an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It is recorded.
    Recorded,
    /// There is an event of that number, ours by an earlier or doubled request
    /// or another one; or the answer was lost. The next look at the history tells.
    Open,
}

/// Creates `event` at `key`. After an error it was not recorded.
pub(crate) async fn create<C: Serialize>(store: &Store, key: &Key, event: &Event<C>) -> Result<Attempt, LedgerError> {
    let bytes = document::encode(event).map_err(|error| LedgerError::document(key, error))?;
    match store.create(key, bytes).await {
        Ok(Created::New(_)) => Ok(Attempt::Recorded),
        Ok(Created::Exists) => Ok(Attempt::Open),
        Err(error) if error.is_undecided() => {
            tracing::debug!(%error, "the answer to an event was lost");
            Ok(Attempt::Open)
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits a little after try number `tried`, from 0; rivals wait differently long.
pub(crate) async fn pause(tried: u32) {
    let longest = PAUSE_FIRST.saturating_mul(1 << tried.min(8)).min(PAUSE_MAX);
    let part = RandomState::new().hash_one(tried) % 1_000;
    tokio::time::sleep(longest.mul_f64(part as f64 / 1_000.0)).await;
}
