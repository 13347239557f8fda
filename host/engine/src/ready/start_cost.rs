//! What an extension's own start takes, as its instances have shown.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// A start that takes as long is made ahead: handing an instance over between
/// threads, with its memory in another core's cache, costs some microseconds,
/// and most starts (an empty constructor, a runtime's own) fewer still.
const DEAR: Duration = Duration::from_micros(50);
/// The first start of a version is slow by the machine's doing: cold code, page
/// faults. It says nothing alone.
pub(crate) const STARTS_UNTIL_KNOWN: u32 = 2;

/// Measured at each start; read at each call of an extension that has one.
#[derive(Debug)]
pub(crate) struct StartCost {
    /// How many were measured, as far as it matters.
    measured: AtomicU32,
    /// What the quickest one took, in nanoseconds.
    least_nanos: AtomicU64,
    /// Sum of the memories and tables that it left behind.
    bytes: AtomicUsize,
    is_of_a_call: AtomicBool,
}

impl StartCost {
    pub(crate) const fn new() -> Self {
        Self { measured: AtomicU32::new(0), least_nanos: AtomicU64::new(u64::MAX), bytes: AtomicUsize::new(0), is_of_a_call: AtomicBool::new(false) }
    }

    /// An instance has started; it took so long, and has so many bytes. Once the
    /// start is known, only a quicker one is written down.
    pub(crate) fn took(&self, time: Duration, bytes: usize) {
        // 2^64 ns are 584 years.
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if nanos < self.least_nanos.load(Relaxed) {
            self.least_nanos.fetch_min(nanos, Relaxed);
        }
        if !self.is_known() {
            self.bytes.store(bytes, Relaxed);
            self.measured.fetch_add(1, Relaxed);
        }
    }

    /// It asked the host for its call's context, wrote a log line or called a
    /// platform API: what it leaves behind belongs to that one call.
    pub(crate) fn depends_on_the_call(&self) {
        self.is_of_a_call.store(true, Relaxed);
    }

    fn is_known(&self) -> bool {
        self.measured.load(Relaxed) >= STARTS_UNTIL_KNOWN
    }

    /// Whether it is known to be worth making ahead, and the same for every call.
    pub(crate) fn is_dear(&self) -> bool {
        self.is_known() && u128::from(self.least_nanos.load(Relaxed)) >= DEAR.as_nanos() && !self.is_of_a_call.load(Relaxed)
    }

    /// What an instance holds after its start.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    fn cost(times: &[u32]) -> StartCost {
        let cost = StartCost::new();
        times.iter().for_each(|micros| cost.took(*micros * MICRO, 1_000));
        cost
    }

    #[test]
    fn only_a_start_that_is_dear_again_and_again_is_dear() {
        assert!(!cost(&[]).is_dear());
        assert!(!cost(&[200]).is_dear(), "the first one is cold");
        assert!(cost(&[200, 200]).is_dear());
        assert!(!cost(&[200, 5, 200]).is_dear());
        assert!(!cost(&[5, 200, 200]).is_dear());
    }

    #[test]
    fn what_depends_on_the_call_is_never_made_ahead() {
        let cost = cost(&[200, 200]);
        cost.depends_on_the_call();
        assert!(!cost.is_dear());
    }
}
