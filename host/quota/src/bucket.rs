//! A bucket that fills with time, in one atomic word.
//!
//! The word is the moment at which the bucket will be full again: it moves on by
//! what is taken, and what is left follows from how far ahead it lies. Taking is
//! one compare-and-swap, exact under races, and a moment that lies behind (a
//! caller with an older clock) only makes it stricter.
//!
//! When terms change, the word is marked until it says the same amount in the
//! new ones: nothing is won or lost by a change. Only then does somebody wait,
//! for a few instructions of another I/O thread.

use std::{
    hint,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
        fence,
    },
    thread,
};

use crate::{clock::SPAN_MAX, terms::Terms};

/// Set while the word is being put into other terms.
const CHANGING: u64 = 1 << 63;
/// Looks at a marked word before its thread lets others run.
const SPINS: u32 = 64;

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again; behind: it is full.
    full_at: AtomicU64,
    /// The terms that the word is in; 0 before the first. Written while it is marked.
    unit: AtomicU64,
    cost: AtomicU64,
    capacity: AtomicU64,
    /// How long an empty one takes to be full.
    window: AtomicU64,
}

/// What a look at the bucket needs.
#[derive(Clone, Copy)]
struct Seen {
    full_at: u64,
    window: u64,
}

impl Bucket {
    /// Takes `amount`, or nothing. What is more than the bucket holds is given by
    /// a full one, and owed.
    ///
    /// # Errors
    /// How long until it could be given, in units.
    pub(crate) fn take(&self, amount: u64, terms: Terms, now: u64) -> Result<(), u64> {
        let cost = terms.time_of(amount);
        loop {
            let seen = self.seen(terms, now);
            let full_at = seen.full_at.max(now) + cost;
            let latest = (now + seen.window).max(if cost > seen.window { now + cost } else { 0 });
            if full_at > latest {
                if self.is_still(seen) {
                    return Err(full_at - latest);
                }
            } else if self.full_at.compare_exchange_weak(seen.full_at, full_at, AcqRel, Relaxed).is_ok() {
                return Ok(());
            }
        }
    }

    /// Gives back what was just taken under the same terms.
    pub(crate) fn give_back(&self, amount: u64, terms: Terms, now: u64) {
        let cost = terms.time_of(amount);
        loop {
            let seen = self.seen(terms, now);
            if self.full_at.compare_exchange_weak(seen.full_at, seen.full_at.saturating_sub(cost), AcqRel, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Takes `amount` that was used since this was last asked, be it owed, and says
    /// whether anything is left. All of it counts as used when it was last asked:
    /// over any time no more is used than is filled in, but a call that took long
    /// is not refused what has been filled in meanwhile.
    ///
    /// # Errors
    /// How long until something is in it, in units.
    pub(crate) fn settle(&self, amount: u64, terms: Terms, now: u64) -> Result<(), u64> {
        let cost = terms.time_of(amount);
        loop {
            let seen = self.seen(terms, now);
            let full_at = seen.full_at.saturating_add(cost).max(now).min(seen.full_at.max(now + SPAN_MAX));
            // Also where nothing was used: the word remembers when it was last asked.
            if self.full_at.compare_exchange_weak(seen.full_at, full_at, AcqRel, Relaxed).is_ok() {
                let empty_from = now + seen.window;
                return if full_at < empty_from { Ok(()) } else { Err(full_at - empty_from + 1) };
            }
        }
    }

    /// What is in it, less than 0 when it is owed, in the bucket's unit.
    pub(crate) fn level(&self, terms: Terms, now: u64) -> i64 {
        let seen = self.seen(terms, now);
        i64::try_from(terms.amount_in(seen.left(now))).unwrap_or(i64::MIN)
    }

    /// Whether forgetting it would change nothing.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.full_at.load(Acquire) <= now
    }

    /// The word in these terms.
    fn seen(&self, terms: Terms, now: u64) -> Seen {
        let mut spins = 0;
        loop {
            let full_at = self.full_at.load(Acquire);
            if full_at & CHANGING != 0 {
                spins += 1;
                if spins % SPINS == 0 {
                    thread::yield_now()
                } else {
                    hint::spin_loop()
                }
                continue;
            }
            if self.terms() == terms {
                return Seen { full_at, window: self.window.load(Relaxed) };
            }
            if self.full_at.compare_exchange(full_at, full_at | CHANGING, AcqRel, Relaxed).is_ok() {
                self.change(full_at, terms, now);
            }
        }
    }

    /// Puts the marked word into other terms: what is in it stays, up to what it holds now.
    fn change(&self, full_at: u64, terms: Terms, now: u64) {
        let (old, left) = (self.terms(), Seen { full_at, window: self.window.load(Relaxed) }.left(now));
        let capacity = i128::from(terms.capacity);
        let left = if old.unit == 0 { capacity } else { old.amount_in(left).min(capacity) };
        let missing = terms.time_of(u64::try_from(capacity - left).unwrap_or(u64::MAX));
        self.unit.store(terms.unit, Relaxed);
        self.cost.store(terms.cost, Relaxed);
        self.capacity.store(terms.capacity, Relaxed);
        self.window.store(terms.time_of(terms.capacity), Relaxed);
        // Another word than before: who read the old one with either terms starts again.
        let moved = match now + missing {
            same if same == full_at && missing == 0 => same - 1,
            same if same == full_at => same + 1,
            other => other,
        };
        self.full_at.store(moved, Release);
    }

    fn terms(&self) -> Terms {
        Terms { unit: self.unit.load(Relaxed), cost: self.cost.load(Relaxed), capacity: self.capacity.load(Relaxed) }
    }

    /// Whether what was read together belonged together.
    fn is_still(&self, seen: Seen) -> bool {
        fence(Acquire);
        self.full_at.load(Relaxed) == seen.full_at
    }
}

impl Seen {
    /// The time whose amount is in it; less than 0: owed.
    fn left(self, now: u64) -> i128 {
        i128::from(self.window) - i128::from(self.full_at.saturating_sub(now))
    }
}
