//! The calling thread's CPU clock: what a guest really used, whoever else ran.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Reading the CPU clock is a system call that takes the run queue's lock: two
/// reads were a twelfth of a small call. Within this time after a read, the
/// monotonic clock, which is read without the kernel, stands in for it.
const TRUSTED: Duration = Duration::from_micros(100);

thread_local! {
    /// The last read of the CPU clock, and when it was.
    static LAST_READ: Cell<Option<(Duration, Instant)>> = const { Cell::new(None) };
}

/// CPU time of this thread since it started. About 1 µs a read.
pub(crate) fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    // The kernel's clock is never negative and its nanoseconds are below a second.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A slice that this thread runs.
///
/// What it charges differs from the CPU clock by less than [`TRUSTED`], and
/// only where the thread lost its core for a moment: a fifth of a slice, and
/// never adding up within one.
#[derive(Debug)]
pub(crate) struct SliceClock {
    cpu: Duration,
    wall: Instant,
}

impl SliceClock {
    /// Begins a slice now.
    pub(crate) fn start() -> Self {
        let wall = Instant::now();
        let trusted = LAST_READ.get().map(|(cpu, at)| (cpu, wall.saturating_duration_since(at))).filter(|(_, gap)| *gap <= TRUSTED);
        let cpu = trusted.map_or_else(|| read(wall), |(cpu, gap)| cpu + gap);
        Self { cpu, wall }
    }

    /// The thread's CPU time when the slice began.
    pub(crate) fn cpu_at_start(&self) -> Duration {
        self.cpu
    }

    /// CPU time of the slice up to now.
    pub(crate) fn used(&self) -> Duration {
        let now = Instant::now();
        let wall = now.saturating_duration_since(self.wall);
        if wall <= TRUSTED { wall } else { read(now).saturating_sub(self.cpu) }
    }
}

fn read(now: Instant) -> Duration {
    let cpu = thread_cpu();
    LAST_READ.set(Some((cpu, now)));
    cpu
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spin(cpu: Duration) {
        let start = thread_cpu();
        while thread_cpu().saturating_sub(start) < cpu {}
    }

    #[test]
    fn a_long_slice_is_charged_by_the_cpu_clock() {
        let slice = SliceClock::start();
        let start = thread_cpu();
        spin(Duration::from_millis(3));
        std::thread::park_timeout(Duration::from_millis(5));
        let (charged, real) = (slice.used(), thread_cpu().saturating_sub(start));
        assert!(charged.abs_diff(real) < TRUSTED, "charged {charged:?}, used {real:?}");
    }

    #[test]
    fn many_short_slices_add_up_to_what_they_used() {
        let start = thread_cpu();
        let mut charged = Duration::ZERO;
        for _ in 0..200 {
            let slice = SliceClock::start();
            spin(Duration::from_micros(20));
            charged += slice.used();
        }
        // Other threads of the machine may take this one's core in between, which only charges more.
        let real = thread_cpu().saturating_sub(start);
        assert!(charged >= real / 2, "charged {charged:?}, used {real:?}");
    }
}
