//! Time as one number, so that it fits an atomic.

use std::time::{Duration, Instant};

/// Units of a second. Fine enough that a million calls a second are told apart to a part in ten thousand.
pub(crate) const UNITS_PER_S: u64 = 64 * 1_000_000_000;
const UNITS_PER_NANO: u64 = 64;

/// No moment is later: above it, the highest bit is free for marks. A host
/// that runs for two years needs half of it, debts the rest.
const MOMENT_MAX: u64 = (1 << 63) - 1;
/// No debt and no window is longer: a year, far beyond what calls can run up.
pub(crate) const SPAN_MAX: u64 = MOMENT_MAX / 4;

/// Where counting begins, so that there is a moment before each.
const FIRST: u64 = UNITS_PER_S;

/// Counts from when the host began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    pub(crate) fn starting(began: Instant) -> Self {
        Self { began }
    }

    /// A moment in units since the beginning; what lies before it is the beginning.
    pub(crate) fn units(self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.began).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX).saturating_mul(UNITS_PER_NANO).saturating_add(FIRST).min(MOMENT_MAX / 2)
    }
}

/// Rounded up, so that whoever waits for it does not come too early.
pub(crate) const fn duration(units: u64) -> Duration {
    Duration::from_nanos(units.div_ceil(UNITS_PER_NANO))
}
