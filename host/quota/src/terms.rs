//! What a bucket is filled with and how much it holds, from a limit and a host's part of it.

use crate::{
    Fraction,
    clock::{SPAN_MAX, UNITS_PER_S},
};

/// Parts of one call, so that a host's part of a small rate is no rounding error.
pub(crate) const CALL: u64 = Fraction::PARTS as u64;
const NANOS_PER_MS: u64 = 1_000_000;
const BYTES_PER_KB: u64 = 1 << 10;

/// A bucket's amounts, in its own measure: parts of calls, nanoseconds of CPU time, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// What is taken at a time, or a second's worth; at least 1.
    pub(crate) unit: u64,
    /// How long a unit takes to run in, rounded up: no rate is ever higher than its limit.
    pub(crate) cost: u64,
    /// At most so much is in it; at least 1.
    pub(crate) capacity: u64,
}

impl Terms {
    /// A rate of calls. A part holds one call at least, else its host would never admit any.
    pub(crate) fn calls(rate_per_s: u32, burst: Option<u32>, part: Fraction) -> Self {
        let parts = u64::from(part.parts().max(1));
        let per_s = (u64::from(rate_per_s) * parts).max(1);
        let capacity = u64::from(burst.unwrap_or(rate_per_s)) * parts;
        Self { unit: CALL, cost: (CALL * UNITS_PER_S).div_ceil(per_s).min(SPAN_MAX), capacity: capacity.max(CALL) }
    }

    /// CPU time; a second's worth can be saved up.
    pub(crate) fn cpu(ms_per_s: u32, part: Fraction) -> Self {
        let nanos = u64::from(ms_per_s) * NANOS_PER_MS;
        let product = u128::from(nanos) * u128::from(part.parts());
        Self::second_of(u64::try_from(product / u128::from(Fraction::PARTS)).unwrap_or(u64::MAX))
    }

    /// Log text; a second's worth can be saved up.
    pub(crate) fn log(kb_per_s: u32) -> Self {
        Self::second_of(u64::from(kb_per_s) * BYTES_PER_KB)
    }

    fn second_of(amount: u64) -> Self {
        let amount = amount.max(1);
        Self { unit: amount, cost: UNITS_PER_S, capacity: amount }
    }

    /// How long `amount` takes to run in, rounded up.
    pub(crate) fn time_of(self, amount: u64) -> u64 {
        if amount == self.unit {
            return self.cost;
        }
        // As a rule it fits: a division of 128 bits takes as long as all the rest.
        if let Some(product) = amount.checked_mul(self.cost) {
            return product.div_ceil(self.unit).min(SPAN_MAX);
        }
        let time = (u128::from(amount) * u128::from(self.cost)).div_ceil(u128::from(self.unit));
        u64::try_from(time).unwrap_or(u64::MAX).min(SPAN_MAX)
    }

    /// How much runs in within `time`, rounded down; less than 0 for a time that is owed.
    pub(crate) fn amount_in(self, time: i128) -> i128 {
        (time * i128::from(self.unit)).div_euclid(i128::from(self.cost))
    }
}

const _: () = assert!(CALL.checked_mul(UNITS_PER_S).is_some());
