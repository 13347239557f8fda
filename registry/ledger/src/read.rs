//! What is known of a history: its snapshot, and the events after it.

use extensions_artifact::{Key, Owned};
use extensions_registry_core::{Change, Event, Extension};
use futures_util::future::try_join;

use crate::{
    LedgerError, Stores,
    documents::{Found, Slot, read_derived},
    events::{self, History},
};

impl History for Owned {
    type Change = Change;
    fn key(&self, seq: u64) -> Key {
        self.event(seq)
    }
}

/// An extension's state, and what its snapshot would be swapped over.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) state: Extension,
    pub(crate) head: Option<Slot>,
}

/// The state without any event.
pub(crate) fn nothing(of: &Owned) -> Extension {
    Extension::new(of.tenant.clone(), of.extension.clone())
}

/// The state after all events: the snapshot, then what came after it. Two
/// requests, one after the other, where the snapshot is up to date.
pub(crate) async fn latest(stores: &Stores, of: &Owned) -> Result<Known, LedgerError> {
    let mut known = snapshot(stores, of).await?;
    catch_up(stores, of, &mut known.state).await?;
    Ok(known)
}

/// The snapshot alone; a state without events where there is none.
pub(crate) async fn snapshot(stores: &Stores, of: &Owned) -> Result<Known, LedgerError> {
    let key = of.head();
    let found: Option<Found<Extension>> = read_derived(stores.registry(), &key).await?;
    let head = found.as_ref().map(Found::slot);
    let own = |state: &Extension| state.tenant == of.tenant && state.extension == of.extension;
    let state = found.and_then(|found| found.value).filter(own).unwrap_or_else(|| nothing(of));
    Ok(Known { state, head })
}

/// Applies the events that came since.
pub(crate) async fn catch_up(stores: &Stores, of: &Owned, state: &mut Extension) -> Result<(), LedgerError> {
    events::after(stores.registry(), of, state.applied_seq, |event| apply(of, state, &event)).await
}

/// The state from the events alone.
pub(crate) async fn fold(stores: &Stores, of: &Owned) -> Result<Extension, LedgerError> {
    let mut state = nothing(of);
    catch_up(stores, of, &mut state).await?;
    Ok(state)
}

pub(crate) fn apply(of: &Owned, state: &mut Extension, event: &Event) -> Result<(), LedgerError> {
    state.apply(event).map_err(|error| LedgerError::history(&of.event(event.seq), Some(error)))
}

/// Runs both; the first failure ends it.
pub(crate) async fn both<A, B>(
    one: impl Future<Output = Result<A, LedgerError>>,
    other: impl Future<Output = Result<B, LedgerError>>,
) -> Result<(A, B), LedgerError> {
    try_join(one, other).await
}
