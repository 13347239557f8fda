//! Watching: events as they are recorded, by this registry or another one.
//!
//! A watch pulls: it reads the next events when its reader wants them, so that
//! a slow reader costs no memory. This registry's own events wake it; for those
//! of others it looks by itself.

mod cursor;
mod single;
mod tenant;

use std::time::Duration;

use extensions_artifact::Owned;
use extensions_registry_core::Event;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout_at},
};

use crate::{Ledger, LedgerError, events};

pub use self::tenant::EXTENSIONS_MAX;

/// Between two looks for events of other registries.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Events read ahead of the reader.
const AHEAD: usize = 32;

/// What a watch of a tenant brings.
#[derive(Debug, Clone)]
pub enum WatchItem {
    /// An event; it may come again after a resume.
    Event {
        /// Whose history it belongs to.
        of: Owned,
        /// The event.
        event: Box<Event>,
    },
    /// Everything before it has been brought: resume here. Comes when nothing
    /// else is to be said, and after every few events.
    Checkpoint(String),
}

/// The next events after `place`, at most [`AHEAD`]; one request while there are none.
async fn read_some(ledger: &Ledger, of: &Owned, place: u64) -> Result<Vec<Event>, LedgerError> {
    let store = ledger.stores().registry();
    let mut found = events::some(store, of, place + 1, 1).await?;
    if !found.is_empty() {
        found.extend(events::some(store, of, place + 2, AHEAD - 1).await?);
    }
    Ok(found)
}

/// What woke a watch.
enum Woken {
    /// This history has grown.
    By(Owned),
    /// Anything may have happened.
    ToLook,
}

/// Waits for a nudge, at most until `until`.
async fn wake(nudges: &mut Receiver<Owned>, until: Instant) -> Woken {
    match timeout_at(until, nudges.recv()).await {
        Ok(Ok(of)) => Woken::By(of),
        Ok(Err(RecvError::Lagged(_))) | Err(_) => Woken::ToLook,
        Ok(Err(RecvError::Closed)) => {
            // Cannot be while the ledger lives; a watch keeps it alive.
            tokio::time::sleep_until(until).await;
            Woken::ToLook
        }
    }
}
