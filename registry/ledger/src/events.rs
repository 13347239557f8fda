//! The events of a history, read by number. Only a get by key is trusted to be
//! fresh: a list may be stale.

use extensions_artifact::{Key, Store, document};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::de::DeserializeOwned;

use crate::LedgerError;
use extensions_registry_core::Event;

/// Events read at once. Each has at most 256 KiB, most have one.
pub(crate) const PARALLEL: usize = 32;

/// A history: which key each event has.
pub(crate) trait History: Sync {
    /// What its events say.
    type Change: DeserializeOwned + Send;
    fn key(&self, seq: u64) -> Key;
}

/// Event `seq`, or none.
pub(crate) async fn one<H: History>(store: &Store, history: &H, seq: u64) -> Result<Option<Event<H::Change>>, LedgerError> {
    let key = history.key(seq);
    let Some(object) = store.get(&key).await? else { return Ok(None) };
    let event: Event<H::Change> = document::decode(&object.bytes).map_err(|error| LedgerError::document(&key, error))?;
    if event.seq == seq { Ok(Some(event)) } else { Err(LedgerError::corrupt(&key, format!("it says that it is event {}", event.seq))) }
}

/// The events `first..first + count` that are there, in order. An event behind a
/// missing one breaks the history, unless the missing one came meanwhile.
pub(crate) async fn some<H: History>(store: &Store, history: &H, first: u64, count: usize) -> Result<Vec<Event<H::Change>>, LedgerError> {
    let seqs = first..first.saturating_add(count as u64);
    let all: Vec<_> = stream::iter(seqs).map(|seq| one(store, history, seq)).buffered(PARALLEL).try_collect().await?;
    let reached = all.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let mut events = Vec::with_capacity(reached);
    for (seq, event) in (first..).zip(all.into_iter().take(reached)) {
        let event = match event {
            Some(event) => event,
            None => one(store, history, seq).await?.ok_or_else(|| LedgerError::history(&history.key(seq), None))?,
        };
        events.push(event);
    }
    Ok(events)
}

/// Everything after event `after`, handed to `each` in order. One request when
/// there is nothing; more at a time the more there is.
pub(crate) async fn after<H: History>(
    store: &Store,
    history: &H,
    after: u64,
    mut each: impl FnMut(Event<H::Change>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let (mut next, mut count) = (after.saturating_add(1), 1);
    loop {
        let events = some(store, history, next, count).await?;
        let found = events.len();
        events.into_iter().try_for_each(&mut each)?;
        if found < count {
            return Ok(());
        }
        next = next.saturating_add(found as u64);
        count = (count * 4).min(PARALLEL);
    }
}
