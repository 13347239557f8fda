//! How often something may happen: so many at once, then so many a second.

use std::time::Duration;

use tokio::time::Instant;

/// Reports at once, after a pause.
const BURST: f64 = 40.0;
/// Reports a second on end: progress of a build is told to people.
const PER_SECOND: f64 = 4.0;

/// What is left of one job's reports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    left: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST, at: now }
    }

    /// Takes one, if there is one left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.at);
        self.left = (self.left + passed.as_secs_f64() * PER_SECOND).min(BURST);
        self.at = now;
        let some = self.left >= 1.0;
        if some {
            self.left -= 1.0;
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_four_a_second() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert_eq!((0..100).filter(|_| rate.take(start)).count(), 40);
        assert!(!rate.take(start + Duration::from_millis(200)));
        assert!(rate.take(start + Duration::from_millis(300)));
        assert_eq!((0..100).filter(|_| rate.take(start + Duration::from_secs(3600))).count(), 40);
    }
}
