//! Hints from outside: something may have changed, look there. A hint is never
//! believed, only looked after; losing one costs time, a forged one costs a read.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use extensions_types::{ExtensionId, TenantId};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// An entry.
    Entry {
        /// Whose.
        tenant: TenantId,
        /// Of which extension.
        extension: ExtensionId,
        /// The last event in it.
        seq: u64,
    },
    /// The environment's control.
    Control {
        /// The last event in it.
        seq: u64,
    },
    /// Anything: hints may have been lost.
    Everything,
}

/// Hints being looked after at once; each is a task of a few KiB.
const HEEDED_AT_ONCE: usize = 1_024;
/// Hints that make this host read, at a stretch; a larger flood becomes one list.
const BURST: u32 = 1_024;
/// And again after so long, each.
const REFILL: Duration = Duration::from_millis(4);

/// What became of hints.
#[derive(Debug, Default)]
pub(crate) struct HintCounts {
    /// About what this host has already.
    pub(crate) known: AtomicU64,
    /// Looked after.
    pub(crate) heeded: AtomicU64,
    /// Too many: one list in their place.
    pub(crate) dropped: AtomicU64,
    /// Named nothing that the store has.
    pub(crate) absent: AtomicU64,
}

/// Where hints arrive.
#[derive(Debug)]
pub(crate) struct Hints {
    places: Arc<Semaphore>,
    bucket: Mutex<Bucket>,
    /// Asks for a list now.
    pub(crate) list: Notify,
    /// Asks for a look at control now.
    pub(crate) control: Notify,
    pub(crate) counts: HintCounts,
}

/// The right to look after one hint.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(HEEDED_AT_ONCE)),
            bucket: Mutex::new(Bucket::full()),
            list: Notify::new(),
            control: Notify::new(),
            counts: HintCounts::default(),
        }
    }
}

impl Hints {
    /// A place for one more hint; none in a flood, and then everything is looked at once.
    pub(crate) fn admit(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok().filter(|_| self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take());
        let Some(permit) = permit else {
            self.counts.dropped.fetch_add(1, Relaxed);
            self.list.notify_one();
            return None;
        };
        self.counts.heeded.fetch_add(1, Relaxed);
        Some(Place { _permit: permit })
    }
}

/// So many at a stretch, and so many over time.
#[derive(Debug)]
struct Bucket {
    left: u32,
    filled: Option<Instant>,
}

impl Bucket {
    fn full() -> Self {
        Self { left: BURST, filled: None }
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        let filled = *self.filled.get_or_insert(now);
        let more = u32::try_from((now - filled).as_nanos() / REFILL.as_nanos()).unwrap_or(u32::MAX);
        if more >= BURST - self.left {
            (self.left, self.filled) = (BURST, Some(now));
        } else {
            self.left += more;
            self.filled = Some(filled + REFILL * more);
        }
        let taken = self.left > 0;
        self.left -= u32::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_becomes_one_list_and_passes() {
        let hints = Hints::default();
        let held: Vec<_> = (0..HEEDED_AT_ONCE).map(|_| hints.admit().unwrap()).collect();
        assert!(hints.admit().is_none() && hints.admit().is_none());
        hints.list.notified().await;
        drop(held);
        assert!(hints.admit().is_none(), "a place is free, the burst is over");
        tokio::time::advance(REFILL * 3).await;
        assert_eq!((0..10).filter(|_| hints.admit().is_some()).count(), 3);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!((0..2 * BURST).filter(|_| hints.admit().is_some()).count(), BURST as usize);
        assert_eq!(hints.counts.dropped.load(Relaxed), 3 + 7 + u64::from(BURST));
    }
}
