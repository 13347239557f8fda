//! What one scope, a tenant or an extension, uses now.

use std::{
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    time::Duration,
};

use extensions_types::QuotaLimits;

use crate::{
    Fraction, Limited, ScopeUsage,
    bounds::Bounds,
    bucket::Bucket,
    clock::duration,
    flight::{Flight, NoEntry, Room},
    terms::{CALL, Terms},
};

/// When a place may be free again: a call's usual time, not its longest.
const PLACE_RETRY: Duration = Duration::from_millis(50);
/// A part that was never heard.
const UNHEARD: u32 = u32::MAX;

/// One scope's use. Everything in it is an atomic: see [`crate`].
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) flight: Flight,
    rate: Bucket,
    cpu: Bucket,
    log: Bucket,
    /// CPU time that calls took since the last admission, in nanoseconds.
    cpu_taken: AtomicU64,
    /// Calls that asked since demand was last read, where the fleet shares a limit.
    asked: AtomicU32,
    /// The host's part of the fleet's limits, as it was last heard.
    part: AtomicU32,
}

/// Why a scope refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum No {
    Over { quota: Limited, limit: u32, retry_after: Option<Duration>, by_time: bool },
    Closed,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            flight: Flight::default(),
            rate: Bucket::default(),
            cpu: Bucket::default(),
            log: Bucket::default(),
            cpu_taken: AtomicU64::new(0),
            asked: AtomicU32::new(0),
            part: AtomicU32::new(UNHEARD),
        }
    }
}

impl Account {
    /// Lets one call in, or changes nothing but what was used before.
    pub(crate) fn enter(&self, bounds: &Bounds, unclaimed: Fraction, memory_mb: u32, now: u64) -> Result<(), No> {
        let (limits, part) = (&bounds.limits, self.part().unwrap_or(unclaimed));
        // What cannot be given back is asked first, what everybody wants last.
        if let Some((limit, terms)) = bounds.cpu(part) {
            let taken = if self.cpu_taken.load(Relaxed) == 0 { 0 } else { self.cpu_taken.swap(0, AcqRel) };
            self.cpu.settle(taken, terms, now).map_err(|wait| late(Limited::Cpu, limit, wait))?;
        }
        self.flight.enter(memory_mb, Room { calls: limits.concurrency, memory_mb: limits.memory_mb }).map_err(|no| no_room(no, limits))?;
        if let Some((limit, terms)) = bounds.rate(part)
            && let Err(wait) = self.rate.take(CALL, terms, now)
        {
            self.flight.leave(memory_mb);
            return Err(late(Limited::Rate, limit, wait));
        }
        Ok(())
    }

    /// The call that was let in does not begin: another scope refused it.
    pub(crate) fn undo(&self, bounds: &Bounds, unclaimed: Fraction, memory_mb: u32, now: u64) {
        if let Some((_, terms)) = bounds.rate(self.part().unwrap_or(unclaimed)) {
            self.rate.give_back(CALL, terms, now);
        }
        self.flight.leave(memory_mb);
    }

    /// One call wants to be let in.
    pub(crate) fn ask(&self) {
        self.asked.fetch_add(1, Relaxed);
    }

    /// Calls that asked since this was last read.
    pub(crate) fn take_asked(&self) -> u32 {
        if self.asked.load(Relaxed) == 0 { 0 } else { self.asked.swap(0, Relaxed) }
    }

    /// A call took so much CPU time.
    pub(crate) fn charge(&self, nanos: u64) {
        self.cpu_taken.fetch_add(nanos, Relaxed);
    }

    /// Whether so much log text may be kept; if so it counts.
    pub(crate) fn log(&self, kb_per_s: u32, bytes: u64, now: u64) -> bool {
        self.log.take(bytes, Terms::log(kb_per_s), now).is_ok()
    }

    /// Log text that counted is not kept after all.
    pub(crate) fn unlog(&self, kb_per_s: u32, bytes: u64, now: u64) {
        self.log.give_back(bytes, Terms::log(kb_per_s), now);
    }

    /// The host's part of the fleet's limits, where it was ever heard.
    pub(crate) fn part(&self) -> Option<Fraction> {
        let parts = self.part.load(Relaxed);
        (parts != UNHEARD).then_some(Fraction::of_parts(parts))
    }

    /// None: as for a scope that was never heard of.
    pub(crate) fn set_part(&self, part: Option<Fraction>) {
        self.part.store(part.map_or(UNHEARD, Fraction::parts), Relaxed);
    }

    /// Whether everything that was used was taken over by a call that asked.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.cpu_taken.load(Acquire) == 0
    }

    /// Whether a new account's buckets would be as full.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        [&self.rate, &self.cpu, &self.log].into_iter().all(|bucket| bucket.is_full(now))
    }

    pub(crate) fn usage(&self, limits: &QuotaLimits, unclaimed: Fraction, now: u64) -> ScopeUsage {
        let part = self.part().unwrap_or(unclaimed);
        let cpu_ns = limits.cpu_ms_per_s.map(|limit| self.cpu.level(Terms::cpu(limit, part), now));
        let taken = i64::try_from(self.cpu_taken.load(Relaxed)).unwrap_or(i64::MAX);
        let calls = |limit| self.rate.level(Terms::calls(limit, limits.burst, part), now).div_euclid(i64::from(Fraction::PARTS));
        ScopeUsage {
            concurrency: self.flight.calls(),
            memory_mb: self.flight.memory_mb(),
            calls_left: limits.rate_per_s.map(calls),
            cpu_ms_left: cpu_ns.map(|left| left.saturating_sub(taken).div_euclid(1_000_000)),
            share_parts: (limits.rate_per_s.is_some() || limits.cpu_ms_per_s.is_some()).then_some(part.parts()),
            share_heard: self.part().is_some(),
        }
    }
}

fn late(quota: Limited, limit: u32, wait: u64) -> No {
    No::Over { quota, limit, retry_after: Some(duration(wait)), by_time: true }
}

fn no_room(no: NoEntry, limits: &QuotaLimits) -> No {
    let limit = |quota| {
        let set = if quota == Limited::Memory { limits.memory_mb } else { limits.concurrency };
        set.unwrap_or(QuotaLimits::VALUE_MAX)
    };
    let over = |quota, retry_after| No::Over { quota, limit: limit(quota), retry_after, by_time: false };
    match no {
        NoEntry::Closed => No::Closed,
        NoEntry::Full(quota) => over(quota, Some(PLACE_RETRY)),
        NoEntry::Never(quota) => over(quota, None),
    }
}
