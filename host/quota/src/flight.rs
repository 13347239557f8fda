//! Calls under way and their memory, in one atomic word: a call gets both or neither.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire},
};

use extensions_types::QuotaLimits;

use crate::Limited;

const FIELD_BITS: u32 = 24;
const FIELD: u64 = (1 << FIELD_BITS) - 1;
const MEMORY: u32 = FIELD_BITS;
const ENTERED: u32 = 2 * FIELD_BITS;
/// Counts entries, wrapping: a word that is the same again had none between.
const ENTERED_MAX: u64 = (1 << 15) - 1;
const CLOSED: u64 = 1 << 63;

/// No host has more under way; what no quota limits stays within the fields.
const MAX: u64 = QuotaLimits::VALUE_MAX as u64;
const _: () = assert!(2 * MAX > FIELD && MAX + (1 << 20) < FIELD, "a field holds the highest limit");

/// Why a call does not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoEntry {
    /// As much is under way as may be.
    Full(Limited),
    /// This call alone is more than may be.
    Never(Limited),
    /// The record was put away; a new one stands in its place.
    Closed,
}

/// What may be under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) calls: Option<u32>,
    pub(crate) memory_mb: Option<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Flight(AtomicU64);

impl Flight {
    /// One more call with so much memory.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub(crate) fn enter(&self, memory_mb: u32, room: Room) -> Result<(), NoEntry> {
        let (calls_max, memory_max) = (room.calls.map_or(MAX, u64::from).min(MAX), room.memory_mb.map_or(MAX, u64::from).min(MAX));
        if u64::from(memory_mb) > memory_max {
            return Err(NoEntry::Never(Limited::Memory));
        }
        let mut word = self.0.load(Acquire);
        loop {
            if word & CLOSED != 0 {
                return Err(NoEntry::Closed);
            }
            let (calls, memory) = (calls(word) + 1, self::memory(word) + u64::from(memory_mb));
            if calls > calls_max {
                return Err(NoEntry::Full(Limited::Concurrency));
            }
            if memory > memory_max {
                return Err(NoEntry::Full(Limited::Memory));
            }
            let entered = ((word >> ENTERED) + 1) & ENTERED_MAX;
            match self.0.compare_exchange_weak(word, calls | (memory << MEMORY) | (entered << ENTERED), AcqRel, Acquire) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// A call that entered is gone.
    pub(crate) fn leave(&self, memory_mb: u32) {
        self.0.fetch_sub(1 | (u64::from(memory_mb) << MEMORY), AcqRel);
    }

    /// The word with nobody under way, for [`Self::close`].
    pub(crate) fn empty(&self) -> Option<u64> {
        let word = self.0.load(Acquire);
        (word & CLOSED == 0 && calls(word) == 0).then_some(word)
    }

    /// Nobody enters from now on; unless somebody has since `seen`.
    pub(crate) fn close(&self, seen: u64) -> bool {
        self.0.compare_exchange(seen, seen | CLOSED, AcqRel, Acquire).is_ok()
    }

    /// Calls under way.
    pub(crate) fn calls(&self) -> u32 {
        u32::try_from(calls(self.0.load(Acquire))).unwrap_or(u32::MAX)
    }

    /// Their memory, in MiB.
    pub(crate) fn memory_mb(&self) -> u32 {
        u32::try_from(memory(self.0.load(Acquire))).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Acquire) & CLOSED != 0
    }
}

const fn calls(word: u64) -> u64 {
    word & FIELD
}

const fn memory(word: u64) -> u64 {
    (word >> MEMORY) & FIELD
}
