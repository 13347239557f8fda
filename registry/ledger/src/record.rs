//! Creating an event: put-if-absent under the next number, so that of all
//! registries one wins.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use extensions_artifact::{Created, Key, Store, StoreError, document};
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
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It is recorded.
    Recorded,
    /// There is an event of that number: another one, or ours by an earlier request.
    Taken,
    /// Not known. The next look at the history tells, or the next try does.
    Unknown(StoreError),
}

/// Creates `event` at `key`.
pub(crate) async fn create<C: Serialize>(store: &Store, key: &Key, event: &Event<C>) -> Result<Attempt, LedgerError> {
    let bytes = document::encode(event).map_err(|error| LedgerError::document(key, error))?;
    match store.create(key, bytes).await {
        Ok(Created::New(_)) => Ok(Attempt::Recorded),
        Ok(Created::Exists) => Ok(Attempt::Taken),
        Err(error) if error.is_undecided() => Ok(Attempt::Unknown(error)),
        Err(error) => Err(error.into()),
    }
}

/// Waits a little after try number `tried`, from 0; rivals wait differently long.
pub(crate) async fn pause(tried: u32) {
    let longest = PAUSE_FIRST.saturating_mul(1 << tried.min(8)).min(PAUSE_MAX);
    let part = RandomState::new().hash_one(tried) % 1_000;
    tokio::time::sleep(longest.mul_f64(part as f64 / 1_000.0)).await;
}
