//! What a bucket is filled with and how much it holds, from a limit and a host's part of it.

use crate::Fraction;

/// Parts of one call, so that a host's part of a small rate is no rounding error.
pub(crate) const CALL: u64 = Fraction::PARTS as u64;
const NANOS_PER_MS: u64 = 1_000_000;
const BYTES_PER_KB: u64 = 1 << 10;

/// A bucket's amounts, in its own unit: parts of calls, nanoseconds of CPU time, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Runs in each second; at least 1.
    pub(crate) per_s: u64,
    /// At most so much is in it; at least 1.
    pub(crate) capacity: u64,
}

impl Terms {
    /// A rate of calls. A part holds one call at least, else its host would never admit any.
    pub(crate) fn calls(rate_per_s: u32, burst: Option<u32>, part: Fraction) -> Self {
        let parts = u64::from(part.parts().max(1));
        let capacity = u64::from(burst.unwrap_or(rate_per_s)) * parts;
        Self { per_s: (u64::from(rate_per_s) * parts).max(1), capacity: capacity.max(CALL) }
    }

    /// CPU time; a second's worth can be saved up.
    pub(crate) fn cpu(ms_per_s: u32, part: Fraction) -> Self {
        let nanos = u64::from(ms_per_s) * NANOS_PER_MS;
        Self::second_of(u64::try_from(u128::from(nanos) * u128::from(part.parts()) / u128::from(Fraction::PARTS)).unwrap_or(u64::MAX))
    }

    /// Log text; a second's worth can be saved up.
    pub(crate) fn log(kb_per_s: u32) -> Self {
        Self::second_of(u64::from(kb_per_s) * BYTES_PER_KB)
    }

    fn second_of(amount: u64) -> Self {
        let amount = amount.max(1);
        Self { per_s: amount, capacity: amount }
    }
}
