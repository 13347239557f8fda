//! How often one connection may authenticate in vain.
//!
//! Verifying a signature costs some 50 µs, so a connection that keeps sending
//! bad tokens is a cheap attack. Valid tokens are not bounded here: a gateway
//! sends those of many users over one connection.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Failures that a connection may make at once: a client with a stale token
/// and as many requests in flight as HTTP libraries open by default.
const BURST: u32 = 20;
/// One more failure is forgiven after this.
const FORGIVEN_AFTER: Duration = Duration::from_secs(1);

/// Failed authentications of one connection: a token bucket.
#[derive(Debug)]
pub struct Failures {
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: u32,
    counted: Instant,
}

impl Failures {
    /// A connection that begins at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { bucket: Mutex::new(Bucket { left: BURST, counted: now }) }
    }

    /// Counts one; false when it was one too many and the connection should be closed.
    #[must_use]
    pub fn count(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let forgiven = now.saturating_duration_since(bucket.counted).as_secs() / FORGIVEN_AFTER.as_secs();
        if forgiven > 0 {
            let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
            *bucket = Bucket { left: bucket.left.saturating_add(forgiven).min(BURST), counted: now };
        }
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_bounded_and_forgiven_with_time() {
        let start = Instant::now();
        let failures = Failures::new(start);
        assert!((0..BURST).all(|_| failures.count(start)));
        assert!(!failures.count(start));
        let later = start + 3 * FORGIVEN_AFTER;
        assert_eq!((0..10).filter(|_| failures.count(later)).count(), 3);
    }
}
