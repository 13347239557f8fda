//! Callers that ask one extension again and again for one business operation.
//!
//! A table of counters without locks, of which every key has one place. Two
//! keys of one place wear each other down, so that only the one that comes far
//! more often stays: a loop of a hundred calls does, a stream of single ones
//! does not.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use ahash::RandomState;
use extensions_types::{ExecutionContext, ExtensionDefinition};

/// Places: 64 KiB in all. At 50,000 calls a second, each of its own operation,
/// a place is worn down six times a second.
const PLACES: usize = 8 << 10;

/// Calls of one extension under one correlation id, within a window.
#[derive(Debug)]
pub(super) struct Chatty {
    /// From the low bits: 24 of a count, 16 of a window's number, 24 of the key.
    places: Box<[AtomicU64]>,
    hash: RandomState,
    started: Instant,
    window: Duration,
    /// 0: nobody is.
    calls: u32,
}

/// One place, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    count: u32,
    window: u16,
    key: u32,
}

const COUNT_MAX: u32 = (1 << 24) - 1;

impl Place {
    fn of(packed: u64) -> Self {
        // Each field is cut to its width.
        Self { count: (packed & u64::from(COUNT_MAX)) as u32, window: (packed >> 24) as u16, key: (packed >> 40) as u32 }
    }

    fn packed(self) -> u64 {
        u64::from(self.count) | u64::from(self.window) << 24 | u64::from(self.key) << 40
    }
}

impl Chatty {
    pub(super) fn new(calls: u32, window: Duration) -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { places, hash: RandomState::new(), started: Instant::now(), window, calls: calls.min(COUNT_MAX / 2) }
    }

    /// Counts one call that ended at `now`; true for the one that makes its
    /// caller chatty, once in a window.
    pub(super) fn saw(&self, context: &ExecutionContext, definition: &ExtensionDefinition, now: Instant) -> bool {
        if self.calls == 0 {
            return false;
        }
        let hash = self.hash.hash_one((&context.correlation, &context.tenant, &definition.id));
        let window = now.saturating_duration_since(self.started).as_nanos() / self.window.as_nanos().max(1);
        // A window's number comes again after 65,536 others: a week at 10 s.
        self.count(hash, (window & 0xffff) as u16)
    }

    /// From this many calls on a caller is chatty.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// Within this time.
    pub(super) fn window(&self) -> Duration {
        self.window
    }

    fn count(&self, hash: u64, window: u16) -> bool {
        let place = &self.places[hash as usize % PLACES];
        let key = (hash >> 40) as u32;
        // A count lost to another thread is one of many; the table is a sketch.
        let was = Place::of(place.load(Relaxed));
        let same_window = was.window == window;
        let flagged = same_window && was.key == key && was.count + 1 == self.calls;
        let is = match was {
            // It is told once: from here it is not worn down again within its window.
            _ if flagged => Place { count: COUNT_MAX, ..was },
            Place { count, key: k, .. } if same_window && k == key => Place { count: (count + 1).min(COUNT_MAX), ..was },
            Place { count, .. } if same_window && count > 1 => Place { count: count - 1, ..was },
            Place { .. } => Place { count: 1, window, key },
        };
        place.store(is.packed(), Relaxed);
        flagged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chatty(calls: u32) -> Chatty {
        Chatty::new(calls, Duration::from_secs(10))
    }

    #[test]
    fn a_loop_is_flagged_once_in_a_window() {
        let chatty = chatty(100);
        let flagged = |window, calls| (0..calls).filter(|_| chatty.count(7 << 40, window)).count();
        assert_eq!(flagged(1, 99), 0);
        assert_eq!(flagged(1, 1), 1);
        assert_eq!(flagged(1, 500), 0);
        assert_eq!(flagged(2, 99), 0, "a window forgets the one before");
        assert_eq!(flagged(2, 2), 1);
    }

    #[test]
    fn a_stream_of_single_calls_is_not_and_does_not_hide_a_loop() {
        let chatty = chatty(100);
        let (single, mut of_loop) = (RandomState::new(), 0);
        for at in 0..100_000u64 {
            assert!(!chatty.count(single.hash_one(at), 1));
            if at % 400 == 0 && chatty.count(0xabcd << 40 | 3, 1) {
                of_loop += 1;
            }
        }
        assert_eq!(of_loop, 1, "250 calls among 100,000 others");
    }

    #[test]
    fn nobody_is_chatty_where_that_is_off() {
        let chatty = chatty(0);
        assert_eq!(chatty.calls, 0);
    }

    #[test]
    fn places_hold_what_was_put_in() {
        for place in [Place { count: COUNT_MAX, window: 0, key: 1 }, Place { count: 1, window: u16::MAX, key: (1 << 24) - 1 }] {
            assert_eq!(Place::of(place.packed()), place);
        }
    }
}
