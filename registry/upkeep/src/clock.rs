//! Ages by the store's own clock.
//!
//! An object's time is its store's; comparing it to ours would delete young
//! objects whenever one of the two clocks is wrong. So the store is asked for
//! its time by writing to it, and a large difference to ours stops everything.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use extensions_artifact::{Key, Row};

use crate::{UpkeepError, place::At};

/// How far the two clocks may differ: more is no drift, one of them was set wrong.
const DIFFERENCE_MAX_MS: u64 = 60 * 60 * 1_000;

/// A store's time, and the object that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct StoreTime {
    stamp: Row,
    our_ms: u64,
}

impl StoreTime {
    /// Asks the store.
    pub(crate) async fn read(at: &At) -> Result<Self, UpkeepError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Content that nobody else writes: the etag then tells this store from any other.
        let content = format!("{} {} {}", now_ms(), std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        loop {
            at.put(&Key::Clock, content.clone().into()).await?;
            // Absent only when somebody deleted it in between.
            if let Some(stamp) = at.head(&Key::Clock).await? {
                return Self { stamp, our_ms: now_ms() }.checked();
            }
        }
    }

    fn checked(self) -> Result<Self, UpkeepError> {
        let (store_ms, our_ms) = (self.stamp.modified_ms, self.our_ms);
        if store_ms.abs_diff(our_ms) > DIFFERENCE_MAX_MS { Err(UpkeepError::Clocks { store_ms, our_ms }) } else { Ok(self) }
    }

    /// How old what was written at `modified_ms` is at least, in milliseconds.
    pub(crate) fn age_ms(&self, modified_ms: u64) -> u64 {
        self.now_ms().saturating_sub(modified_ms)
    }

    /// The earlier of the store's time and ours.
    pub(crate) fn now_ms(&self) -> u64 {
        self.stamp.modified_ms.min(self.our_ms)
    }

    /// Whether a store holds what was written to ask for the time.
    async fn is_in(&self, at: &At) -> Result<bool, UpkeepError> {
        let found = at.head(&Key::Clock).await?;
        Ok(found.is_some_and(|row| row.etag == self.stamp.etag && row.modified_ms == self.stamp.modified_ms))
    }
}

/// Whether both are one store, under whatever names they are configured: what is
/// written to one is found in the other.
pub(crate) async fn same_store(one: &At, other: &At) -> Result<bool, UpkeepError> {
    if one.store.same_as(&other.store) {
        return Ok(true);
    }
    for _ in 0..STAMPS_MAX {
        let time = StoreTime::read(one).await?;
        if time.is_in(other).await? {
            return Ok(true);
        }
        // Still there after looking, so it was there while looking.
        if time.is_in(one).await? {
            return Ok(false);
        }
    }
    Err(UpkeepError::Busy)
}

/// Somebody else's upkeep may write between; not that often.
const STAMPS_MAX: u32 = 20;

/// This machine's time in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
