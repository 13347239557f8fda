//! The calling thread's CPU clock: what a guest really used, whoever else ran.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Reading the CPU clock is a system call that takes the run queue's lock, 0.8 µs:
/// two reads were a twelfth of a small call. Within this time after a read, the
/// monotonic clock, which is read without the kernel, stands in for it.
const TRUSTED: Duration = Duration::from_micros(100);
/// A thread that lost its core in a slice lost it for longer than this; what is
/// lost in shorter moments (interrupts, the ticker) is counted where it was.
const MOMENT: Duration = Duration::from_micros(50);

/// One read of both clocks.
#[derive(Debug, Clone, Copy)]
struct Read {
    cpu: Duration,
    at: Instant,
}

thread_local! {
    /// The last read of the CPU clock, and when it was.
    static LAST_READ: Cell<Option<Read>> = const { Cell::new(None) };
}

#[cfg(test)]
thread_local! {
    /// The CPU clock's own measure of this thread's last slice.
    pub(crate) static EXACT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// CPU time of this thread since it started. About 1 µs a read.
pub(crate) fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    // The kernel's clock is never negative and its nanoseconds are below a second.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A slice that this thread runs.
///
/// A short one is charged by the monotonic clock, a longer one by the CPU clock.
/// The sum over a thread's slices stays within a hundredth of its CPU clock.
#[derive(Debug)]
pub(crate) struct SliceClock {
    /// The read of the CPU clock that is trusted at the slice's beginning.
    known: Read,
    began: Instant,
    /// For tests: what it is measured against.
    #[cfg(test)]
    exact_start: Duration,
}

impl SliceClock {
    /// Begins a slice at `began`, which this thread read a moment ago.
    pub(crate) fn start(began: Instant) -> Self {
        let known = LAST_READ.get().filter(|last| began.saturating_duration_since(last.at) <= TRUSTED);
        Self {
            known: known.unwrap_or_else(|| read(began)),
            began,
            #[cfg(test)]
            exact_start: thread_cpu(),
        }
    }

    /// The thread's CPU time when the slice began.
    pub(crate) fn cpu_at_start(&self) -> Duration {
        self.known.cpu + self.gap()
    }

    /// Ends the slice: its CPU time, and when it ended.
    pub(crate) fn end(&self) -> (Duration, Instant) {
        #[cfg(test)]
        EXACT.set(thread_cpu().saturating_sub(self.exact_start));
        let ended = Instant::now();
        let wall = ended.saturating_duration_since(self.began);
        let cpu = if wall <= TRUSTED { wall } else { self.charged(wall, read(ended)) };
        (cpu, ended)
    }

    /// Time from the trusted read to the slice.
    fn gap(&self) -> Duration {
        self.began.saturating_duration_since(self.known.at)
    }

    /// What a slice of length `wall` is charged. The time that the thread was
    /// off its core since the trusted read lies before the slice, where a thread
    /// waits for work, if it fits there; else the thread lost its core within.
    fn charged(&self, wall: Duration, now: Read) -> Duration {
        let on_core = now.cpu.saturating_sub(self.known.cpu);
        let off_core = now.at.saturating_duration_since(self.known.at).saturating_sub(on_core);
        let beyond_gap = off_core.saturating_sub(self.gap());
        wall.saturating_sub(if beyond_gap <= MOMENT { beyond_gap } else { off_core })
    }
}

fn read(at: Instant) -> Read {
    let read = Read { cpu: thread_cpu(), at };
    LAST_READ.set(Some(read));
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    fn spin(cpu: Duration) {
        let start = thread_cpu();
        while thread_cpu().saturating_sub(start) < cpu {}
    }

    #[test]
    fn a_long_slice_is_charged_by_the_cpu_clock() {
        let slice = SliceClock::start(Instant::now());
        let start = thread_cpu();
        spin(3_000 * MICRO);
        std::thread::park_timeout(5_000 * MICRO);
        let ((charged, _), real) = (slice.end(), thread_cpu().saturating_sub(start));
        assert!(charged.abs_diff(real) < TRUSTED, "charged {charged:?}, used {real:?}");
    }

    #[test]
    fn time_off_the_core_is_found_where_it_was() {
        let at = Instant::now();
        let slice = SliceClock { known: Read { cpu: Duration::ZERO, at }, began: at + 60 * MICRO, exact_start: Duration::ZERO };
        let charged = |on_core: u32, length: u32| slice.charged(length * MICRO, Read { cpu: on_core * MICRO, at: at + (60 + length) * MICRO });
        assert_eq!(charged(360, 300), 300 * MICRO, "never off the core");
        assert_eq!(charged(300, 300), 300 * MICRO, "idle before the slice");
        assert_eq!(charged(295, 300), 295 * MICRO, "idle before it, and interrupted for a moment");
        assert_eq!(charged(360, 3_300), 300 * MICRO, "busy before it, and preempted in it");
    }

    /// The mix of a host: short calls, calls of some slices, idle moments
    /// between them, and other threads that take the core away.
    #[test]
    fn what_many_slices_are_charged_adds_up_to_what_they_used() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let (charged, real) = std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        std::hint::spin_loop()
                    }
                });
            }
            let sums = (0..4_000u32).fold((Duration::ZERO, Duration::ZERO), |(charged, real), at| {
                let length = [10, 20, 40, 150, 500][at as usize % 5] * MICRO;
                if at % 7 == 0 {
                    std::thread::park_timeout(40 * MICRO);
                }
                let began = Instant::now();
                let slice = SliceClock::start(began);
                let start = thread_cpu();
                spin(length);
                let used = thread_cpu().saturating_sub(start);
                (charged + slice.end().0, real + used)
            });
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            sums
        });
        // The test's own reads within the slices are charged and not counted: up to 2 of each slice's 3.
        let reads = 4_000 * 2 * MICRO;
        assert!(charged + real / 100 >= real, "charged {charged:?}, used {real:?}");
        assert!(charged <= real + real / 100 + reads, "charged {charged:?}, used {real:?}");
    }
}
