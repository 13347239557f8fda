//! One version's instances that have started and wait for their call.

use std::{
    sync::{
        Arc, Mutex, TryLockError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use extensions_fair::Place;
use extensions_types::Environment;
use wasmtime::{Store, component::Instance};

use crate::guest::Guest;

/// Instances of one version that wait at once: what its calls take while the
/// next ones are made.
const INSTANCES_MAX: usize = 8;

/// An instance after its start. No reference of it leads back to its extension,
/// which holds it: both go together.
pub(crate) struct Ready {
    // In this order: the instance is gone before its place is free.
    pub(crate) store: Store<Guest>,
    pub(crate) instance: Instance,
    /// CPU time of its start.
    pub(crate) cpu: Duration,
    /// For whose calls it was made.
    pub(crate) env: Environment,
    pub(crate) made: Instant,
    pub(crate) _claim: Claim,
}

/// An instance's place in the engine's room and on its shelf, from before it is
/// made until its call takes it.
pub(crate) struct Claim {
    _place: Place,
    claimed: Arc<AtomicU32>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claimed.fetch_sub(1, Relaxed);
    }
}

/// Nobody waits for a lock here: a thread of idle class may have lost its core
/// while it holds one, so that what is locked is passed over.
#[derive(Default)]
pub(crate) struct Shelf {
    places: [Mutex<Option<Box<Ready>>>; INSTANCES_MAX],
    /// Instances on the shelf, or being made for it.
    claimed: Arc<AtomicU32>,
    /// How many are to wait: grows as calls find none, shrinks as instances expire.
    wanted: AtomicU32,
}

impl Shelf {
    /// Claims what one more call needs, if there is not enough: an instance that
    /// takes the place of the call's own, and those that are to wait.
    pub(crate) fn claim(&self, place: impl FnOnce() -> Option<Place>) -> Option<Claim> {
        let enough = self.wanted.load(Relaxed).max(1) + 1;
        let before = self.claimed.fetch_add(1, Relaxed);
        let place = if before < enough.min(INSTANCES_MAX as u32) { place() } else { None };
        let Some(place) = place else {
            self.claimed.fetch_sub(1, Relaxed);
            return None;
        };
        Some(Claim { _place: place, claimed: Arc::clone(&self.claimed) })
    }

    /// Takes an instance for a call in `env`.
    pub(crate) fn take(&self, env: Environment) -> Option<Box<Ready>> {
        let found = self.take_where(|ready| ready.env == env).next();
        if found.is_none() {
            let more = (self.wanted.load(Relaxed) + 1).min(INSTANCES_MAX as u32);
            self.wanted.store(more, Relaxed);
        }
        found
    }

    /// Puts an instance where there is room; else it is gone.
    pub(crate) fn put(&self, ready: Ready) {
        let free = self.places.iter().find_map(|place| place.try_lock().ok().filter(|place| place.is_none()));
        if let Some(mut place) = free {
            *place = Some(Box::new(ready));
        }
    }

    /// Takes out those that `unwanted` names. What is locked just now stays.
    pub(crate) fn clear_where(&self, unwanted: impl Fn(&Ready) -> bool) -> usize {
        let cleared = self.take_where(unwanted).count();
        if cleared > 0 {
            self.wanted.store(0, Relaxed);
        }
        cleared
    }

    fn take_where(&self, wanted: impl Fn(&Ready) -> bool) -> impl Iterator<Item = Box<Ready>> {
        let take = move |place: &Mutex<Option<Box<Ready>>>| {
            let mut place = match place.try_lock() {
                Ok(place) => place,
                // No code that can panic halfway runs under the lock.
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            };
            place.take_if(|ready| wanted(ready))
        };
        self.places.iter().filter_map(take)
    }
}
