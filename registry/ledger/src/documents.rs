//! Reading documents, and writing derived ones: only upwards, by etag.

use extensions_artifact::{
    Created, Etag, Key, Store, Swapped,
    document::{self, DocumentError},
};
use extensions_registry_core::{Extension, control::Control};
use extensions_types::EntryDocument;
use serde::{Serialize, de::DeserializeOwned};

use crate::LedgerError;

/// Rivals that may come first before a derived document is given up for now.
/// Each of them has written something as new or newer, so that few come.
const RIVALS_MAX: u32 = 16;

/// A derived document as it was when read.
#[derive(Debug, Clone)]
pub(crate) struct Found<T> {
    /// None: it is there, but damaged.
    pub(crate) value: Option<T>,
    pub(crate) etag: Etag,
}

/// What a derived document must be swapped over.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// How far it is; lowest where it is damaged.
    order: (u64, u64),
    etag: Etag,
}

/// A derived document: a later one has a greater order.
pub(crate) trait Derived: Serialize + DeserializeOwned {
    /// Generation first, then the last event applied.
    fn order(&self) -> (u64, u64);
    fn set_generation(&mut self, generation: u64);
}

impl Slot {
    pub(crate) const fn order(&self) -> (u64, u64) {
        self.order
    }
}

impl<T: Derived> Found<T> {
    pub(crate) fn slot(&self) -> Slot {
        Slot { order: self.value.as_ref().map_or((0, 0), T::order), etag: self.etag.clone() }
    }
}

impl Derived for EntryDocument {
    fn order(&self) -> (u64, u64) {
        (self.generation, self.applied_seq)
    }
    fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }
}

impl Derived for Control {
    fn order(&self) -> (u64, u64) {
        self.state.order()
    }
    fn set_generation(&mut self, generation: u64) {
        self.state.generation = generation;
    }
}

impl Derived for Extension {
    fn order(&self) -> (u64, u64) {
        (self.generation, self.applied_seq)
    }
    fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }
}

/// The derived document at `key`, or none. What is damaged can be derived
/// again; what another generation of the platform wrote is left alone.
pub(crate) async fn read_derived<T: Derived>(store: &Store, key: &Key) -> Result<Option<Found<T>>, LedgerError> {
    let Some(object) = store.get(key).await? else { return Ok(None) };
    let value = match document::decode(&object.bytes) {
        Ok(value) => Some(value),
        Err(error @ DocumentError::UnknownSchema { .. }) => return Err(LedgerError::document(key, error)),
        Err(error) => {
            tracing::warn!(%key, %error, "a derived document is damaged; it is derived again");
            None
        }
    };
    Ok(Some(Found { value, etag: object.etag }))
}

/// Writes `value` unless the store holds the same or a later state. `before` is
/// what was read. The generation only rises: `value` takes the one it finds.
/// Returns the order that the store has reached.
pub(crate) async fn raise<T: Derived>(store: &Store, key: &Key, mut value: T, mut before: Option<Slot>) -> Result<(u64, u64), LedgerError> {
    for _ in 0..RIVALS_MAX {
        if let Some(there) = &before {
            value.set_generation(there.order.0.max(value.order().0));
            if there.order >= value.order() {
                return Ok(there.order);
            }
        }
        let bytes = document::encode(&value).map_err(|error| LedgerError::document(key, error))?;
        let done = match &before {
            None => matches!(store.create(key, bytes).await?, Created::New(_)),
            Some(slot) => matches!(store.swap(key, bytes, &slot.etag).await?, Swapped::New(_)),
        };
        if done {
            return Ok(value.order());
        }
        before = read_derived::<T>(store, key).await?.map(|found| found.slot());
    }
    Err(LedgerError::Contended { tries: RIVALS_MAX })
}
