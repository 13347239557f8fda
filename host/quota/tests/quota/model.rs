//! What quotas are to do, as simply as it can be said: whole numbers, one thread, no rounding.

use extensions_types::{EffectiveQuota, QuotaLimits};

/// Amounts are counted in parts of this, so that a nanosecond's filling is a whole number.
const NANOS: i128 = 1_000_000_000;
/// One call, in parts that a share of a limit can be.
const CALL: i128 = 1_000_000;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    per_s: i128,
    capacity: i128,
    /// In nanoseconds' parts.
    level: i128,
    at: u64,
}

impl Bucket {
    /// Fills up to `now`, and takes other terms over: what is in it stays.
    fn fill(&mut self, per_s: i128, capacity: i128, now: u64) {
        if self.per_s == 0 {
            self.level = capacity * NANOS;
        } else {
            let filled = self.level + self.per_s * i128::from(now.saturating_sub(self.at));
            self.level = filled.min(self.capacity * NANOS).min(capacity * NANOS);
        }
        (self.per_s, self.capacity, self.at) = (per_s, capacity, self.at.max(now));
    }
}

/// One scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) calls: u32,
    pub(crate) memory_mb: u32,
    rate: Bucket,
    cpu: Bucket,
    cpu_taken: u64,
    /// A part of the fleet's limits, in parts per million.
    pub(crate) part: u32,
}

impl Scope {
    pub(crate) fn whole() -> Self {
        Self { part: 1_000_000, ..Self::default() }
    }

    /// Whether a call may enter, `slack` calls' and CPU seconds' parts aside.
    fn has_room(&mut self, limits: &QuotaLimits, memory_mb: u32, now: u64, slack: f64) -> bool {
        let part = i128::from(self.part);
        let cpu = limits.cpu_ms_per_s.is_none_or(|limit| {
            let per_s = i128::from(limit) * 1_000_000 * part / CALL;
            // As it is paid afterwards: all of it since the last call that asked.
            let before = self.cpu.per_s != 0;
            if before && self.cpu.per_s == per_s {
                self.cpu.level -= i128::from(self.cpu_taken) * NANOS;
                self.cpu.fill(per_s, per_s, now);
            } else {
                self.cpu.fill(per_s, per_s, now);
                self.cpu.level -= i128::from(self.cpu_taken) * NANOS;
            }
            self.cpu_taken = 0;
            self.cpu.level as f64 > slack * (per_s * NANOS) as f64
        });
        let calls = limits.concurrency.is_none_or(|limit| self.calls < limit);
        let memory = limits.memory_mb.is_none_or(|limit| self.memory_mb + memory_mb <= limit);
        if !(cpu && calls && memory) {
            return false;
        }
        limits.rate_per_s.is_none_or(|limit| {
            let capacity = (i128::from(limits.burst.unwrap_or(limit)) * part).max(CALL);
            self.rate.fill(i128::from(limit) * part, capacity, now);
            self.rate.level as f64 >= (CALL * NANOS) as f64 * (1.0 + slack)
        })
    }

    fn enter(&mut self, limits: &QuotaLimits, memory_mb: u32) {
        self.calls += 1;
        self.memory_mb += memory_mb;
        if limits.rate_per_s.is_some() {
            self.rate.level -= CALL * NANOS;
        }
    }

    pub(crate) fn leave(&mut self, memory_mb: u32) {
        self.calls -= 1;
        self.memory_mb -= memory_mb;
    }

    pub(crate) fn charge(&mut self, nanos: u64) {
        self.cpu_taken += nanos;
    }
}

/// A tenant with two extensions.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) tenant: Scope,
    pub(crate) extensions: [Scope; 2],
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { tenant: Scope::whole(), extensions: [Scope::whole(), Scope::whole()] }
    }

    /// Whether the model would let a call in, at `slack` from its limits: above 0
    /// only where it surely would, below 0 also where it nearly would.
    pub(crate) fn would(&self, extension: usize, limits: &EffectiveQuota, memory_mb: u32, now: u64, slack: f64) -> bool {
        let mut then = self.clone();
        then.ask_extension(extension, limits, memory_mb, now, slack) && then.tenant.has_room(&limits.tenant, memory_mb, now, slack)
    }

    /// Remembers that it was asked: its extension, and its tenant where that did not refuse.
    pub(crate) fn asked(&mut self, extension: usize, limits: &EffectiveQuota, memory_mb: u32, now: u64, up_to_tenant: bool) {
        self.ask_extension(extension, limits, memory_mb, now, 0.0);
        if up_to_tenant {
            self.tenant.has_room(&limits.tenant, memory_mb, now, 0.0);
        }
    }

    fn ask_extension(&mut self, extension: usize, limits: &EffectiveQuota, memory_mb: u32, now: u64, slack: f64) -> bool {
        limits.extension.is_empty() || self.extensions[extension].has_room(&limits.extension, memory_mb, now, slack)
    }

    pub(crate) fn enter(&mut self, extension: usize, limits: &EffectiveQuota, memory_mb: u32) {
        if !limits.extension.is_empty() {
            self.extensions[extension].enter(&limits.extension, memory_mb);
        }
        self.tenant.enter(&limits.tenant, memory_mb);
    }
}
