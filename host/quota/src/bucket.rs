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

use crate::{
    clock::{MOMENT_MAX, UNITS_PER_S, time_of},
    terms::Terms,
};

/// Set while the word is being put into other terms.
const CHANGING: u64 = 1 << 63;
/// Looks at a marked word before its thread lets others run.
const SPINS: u32 = 64;
/// A debt is never longer than this, in units: far beyond what one second's calls can run up.
const DEBT_MAX: u64 = MOMENT_MAX / 4;

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again; behind: it is full.
    full_at: AtomicU64,
    /// The terms that the word is in; 0 before the first. Written while it is marked.
    per_s: AtomicU64,
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
        let cost = time_of(amount, terms.per_s);
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
        let cost = time_of(amount, terms.per_s);
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
        let cost = time_of(amount, terms.per_s);
        loop {
            let seen = self.seen(terms, now);
            let full_at = seen.full_at.saturating_add(cost).max(now).min(seen.full_at.max(now + DEBT_MAX));
            if self.full_at.compare_exchange_weak(seen.full_at, full_at, AcqRel, Relaxed).is_ok() {
                let empty_from = now + seen.window;
                return if full_at < empty_from { Ok(()) } else { Err(full_at - empty_from + 1) };
            }
        }
    }

    /// What is in it, less than 0 when it is owed, in the bucket's unit.
    pub(crate) fn level(&self, terms: Terms, now: u64) -> i64 {
        let seen = self.seen(terms, now);
        i64::try_from(amount(seen, terms.per_s, now)).unwrap_or(i64::MIN)
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
            if self.per_s.load(Relaxed) == terms.per_s && self.capacity.load(Relaxed) == terms.capacity {
                return Seen { full_at, window: self.window.load(Relaxed) };
            }
            if self.full_at.compare_exchange(full_at, full_at | CHANGING, AcqRel, Relaxed).is_ok() {
                self.change(full_at, terms, now);
            }
        }
    }

    /// Puts the marked word into other terms: what is in it stays, up to what it holds now.
    fn change(&self, full_at: u64, terms: Terms, now: u64) {
        let old = Seen { full_at, window: self.window.load(Relaxed) };
        let per_s = self.per_s.load(Relaxed);
        let capacity = i128::from(terms.capacity);
        let left = if per_s == 0 { capacity } else { amount(old, per_s, now).min(capacity) };
        let window = time_of(terms.capacity, terms.per_s);
        let missing = time_of(u64::try_from(capacity - left).unwrap_or(u64::MAX), terms.per_s);
        self.per_s.store(terms.per_s, Relaxed);
        self.capacity.store(terms.capacity, Relaxed);
        self.window.store(window, Relaxed);
        // Another word than before: who read the old one with either terms starts again.
        let moved = (now + missing).max(1);
        self.full_at.store(if moved == full_at { moved + 1 } else { moved }, Release);
    }

    /// Whether what was read together belonged together.
    fn is_still(&self, seen: Seen) -> bool {
        fence(Acquire);
        self.full_at.load(Relaxed) == seen.full_at
    }
}

/// What is left, rounded down; a debt rounded up.
fn amount(seen: Seen, per_s: u64, now: u64) -> i128 {
    let left = i128::from(seen.window) - i128::from(seen.full_at.saturating_sub(now));
    (left * i128::from(per_s)).div_euclid(i128::from(UNITS_PER_S))
}
