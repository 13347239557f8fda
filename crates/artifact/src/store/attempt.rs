//! Tries of one operation: each with a time-out, a pause between them, and
//! memory of whether an earlier one may have been done.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use super::{Store, Timing, failure::Failure};

/// What a second of a try's time-out moves at least.
const BYTES_PER_SECOND_MIN: u64 = 1024 * 1024;

/// The tries of one operation.
#[derive(Debug)]
pub(super) struct Tries {
    timing: Timing,
    limit: Duration,
    made: u32,
    /// An earlier try may have been done.
    pub(super) unsure: bool,
}

impl Store {
    /// Tries of an operation that moves up to `bytes`.
    pub(super) fn tries(&self, bytes: u64) -> Tries {
        let limit = self.timing.try_timeout + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
        Tries { timing: self.timing, limit, made: 0, unsure: false }
    }
}

impl Tries {
    /// One try within its time.
    pub(super) async fn one<T>(&mut self, call: impl Future<Output = object_store::Result<T>>) -> Result<T, Failure> {
        self.made += 1;
        let result = match tokio::time::timeout(self.limit, call).await {
            Ok(answer) => answer.map_err(Failure::of),
            Err(elapsed) => Err(Failure::timeout(elapsed)),
        };
        self.unsure |= matches!(result, Err(Failure::Unknown(_)));
        result
    }

    /// Whether `failure` leaves room for another try; then the pause is over.
    pub(super) async fn again(&self, failure: &Failure) -> bool {
        if !failure.is_passing() || self.made >= self.timing.tries {
            return false;
        }
        tokio::time::sleep(self.pause()).await;
        true
    }

    /// Doubles with each try and varies by half, so that rivals do not meet again.
    fn pause(&self) -> Duration {
        let base = self.timing.pause.saturating_mul(1 << self.made.saturating_sub(1).min(6));
        let part = RandomState::new().hash_one(self.made) % 1_000;
        base / 2 + base.mul_f64(part as f64 / 1_000.0)
    }
}
