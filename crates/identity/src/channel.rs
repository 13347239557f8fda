//! What is kept of one connection: how often it may be wrong, how many unseen
//! tokens it may bring and which came last, which names its client's certificate proves.
//!
//! Verifying a signature costs some 20 to 70 µs (see [`Algorithm`](crate::Algorithm)),
//! a remembered token less than one: a connection that keeps sending other
//! tokens, bad ones or good ones, is a cheap attack.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use extensions_tls::PeerNames;

use crate::recent::Recent;

/// Failures that a connection may make at once: a client with a stale token
/// and as many requests in flight as HTTP libraries open by default.
const FAILURES: Rate = Rate { burst: 20, one_more_after: Duration::from_secs(1) };
/// Tokens not seen before: a gateway with all of its users after a restart of the
/// host; then 200 a second, which is about 1 % of a core.
const UNSEEN: Rate = Rate { burst: 1_000, one_more_after: Duration::from_millis(5) };

/// One connection, as identity knows it.
#[derive(Debug)]
pub struct Channel {
    failures: Bucket,
    unseen: Bucket,
    names: PeerNames,
    recent: Recent,
}

impl Channel {
    /// A connection that begins at `now`, of a client without a certificate.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self::with_certificate(now, PeerNames::default())
    }

    /// A connection of a client whose certificate proves `names`.
    #[must_use]
    pub fn with_certificate(now: Instant, names: PeerNames) -> Self {
        Self { failures: Bucket::full(FAILURES, now), unseen: Bucket::full(UNSEEN, now), names, recent: Recent::new() }
    }

    /// Counts a failed authentication; false when it was one too many and the connection should be closed.
    #[must_use]
    pub fn may_fail(&self, now: Instant) -> bool {
        self.failures.take(now)
    }

    /// Counts a token that has to be verified; false when it was one too many for now.
    pub(crate) fn may_verify(&self, now: Instant) -> bool {
        self.unseen.take(now)
    }

    pub(crate) const fn recent(&self) -> &Recent {
        &self.recent
    }

    pub(crate) const fn names(&self) -> &PeerNames {
        &self.names
    }
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    burst: u32,
    one_more_after: Duration,
}

/// A bucket of what may still be done.
#[derive(Debug)]
struct Bucket {
    rate: Rate,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    left: u32,
    counted: Instant,
}

impl Bucket {
    const fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, level: Mutex::new(Level { left: rate.burst, counted: now }) }
    }

    fn take(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let more = now.saturating_duration_since(level.counted).as_nanos() / self.rate.one_more_after.as_nanos();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more > 0 {
            // What has passed of the next one is kept, so that the rate is what it says.
            let counted = level.counted + self.rate.one_more_after.saturating_mul(more);
            *level = Level { left: level.left.saturating_add(more).min(self.rate.burst), counted };
        }
        match level.left.checked_sub(1) {
            Some(left) => {
                level.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Take = fn(&Channel, Instant) -> bool;

    #[test]
    fn what_a_connection_may_do_is_bounded_and_comes_back_with_time() {
        let start = Instant::now();
        let channel = Channel::new(start);
        let takes: [(Take, Rate); 2] = [(Channel::may_fail, FAILURES), (Channel::may_verify, UNSEEN)];
        for (take, rate) in takes {
            assert!((0..rate.burst).all(|_| take(&channel, start)));
            assert!(!take(&channel, start));
            let count = |after: Duration| (0..2 * rate.burst).filter(|_| take(&channel, start + after)).count();
            assert_eq!(count(3 * rate.one_more_after), 3);
            // Two halves are one.
            assert_eq!(count(rate.one_more_after * 7 / 2), 0);
            assert_eq!(count(4 * rate.one_more_after), 1);
            assert_eq!(count(Duration::from_secs(3_600)), rate.burst as usize, "no more than at the start");
        }
    }
}
