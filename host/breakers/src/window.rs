//! Counts of the last while: a ring of slots that time passes over.

use std::time::Duration;

/// Slots of one window: a tenth of it is forgotten at a time.
const SLOTS: usize = 10;

/// What calls did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls that say something: they answered, failed or were slow.
    pub(crate) calls: u32,
    /// Those that failed.
    pub(crate) failed: u32,
    /// Those that were slow, whether they answered or failed.
    pub(crate) slow: u32,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed = self.failed.saturating_add(other.failed);
        self.slow = self.slow.saturating_add(other.slow);
    }
}

/// Counts of one window that slides with the times given to it.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    slots: [Counts; SLOTS],
    slot: Duration,
    /// The slot that was counted in last, as a number since time 0.
    at: u64,
}

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        // A window of less than 10 ns is no window.
        Self { slots: Default::default(), slot: (length / 10).max(Duration::from_nanos(1)), at: 0 }
    }

    /// Counts at `now`, a time since some start. One that is older than the last counts there.
    pub(crate) fn count(&mut self, now: Duration, counts: Counts) {
        self.pass(now);
        self.slots[Self::place(self.at)].add(counts);
    }

    /// The counts of the window that ends at `now`.
    pub(crate) fn sum(&mut self, now: Duration) -> Counts {
        self.pass(now);
        let mut sum = Counts::default();
        self.slots.iter().for_each(|slot| sum.add(*slot));
        sum
    }

    fn pass(&mut self, now: Duration) {
        let to = u64::try_from(now.as_nanos() / self.slot.as_nanos()).unwrap_or(u64::MAX);
        let passed = to.saturating_sub(self.at);
        for step in 1..=passed.min(SLOTS as u64) {
            self.slots[Self::place(self.at + step)] = Counts::default();
        }
        self.at = self.at.max(to);
    }

    #[allow(clippy::cast_possible_truncation, reason = "a remainder of 10")]
    fn place(at: u64) -> usize {
        (at % SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Counts = Counts { calls: 1, failed: 1, slow: 0 };

    proptest! {
        /// Nothing younger than nine tenths of a window is forgotten, nothing older than a window counts.
        #[test]
        fn a_window_holds_its_time(mut times in prop::collection::vec(0..5_000u64, 1..60)) {
            times.sort_unstable();
            let mut window = Window::new(Duration::from_millis(1_000));
            for &time in &times {
                window.count(Duration::from_millis(time), ONE);
            }
            let now = times[times.len() - 1];
            let within = |length: u64| times.iter().filter(|&&time| time + length > now).count();
            let sum = window.sum(Duration::from_millis(now)).calls as usize;
            prop_assert!((within(900)..=within(1_000)).contains(&sum), "{sum} of {times:?}");
        }
    }

    #[test]
    fn times_that_go_back_count_as_now() {
        let mut window = Window::new(Duration::from_secs(1));
        window.count(Duration::from_secs(100), ONE);
        window.count(Duration::from_secs(1), ONE);
        assert_eq!(window.sum(Duration::from_secs(100)).calls, 2);
        assert_eq!(window.sum(Duration::from_secs(102)), Counts::default());
    }
}
