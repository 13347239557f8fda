//! What a running invocation and everyone around it share.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::{
    budget::{Budget, Turn, Usage},
    call::Stats,
    clock::{SliceClock, thread_cpu},
};

/// The budget of one invocation, its meters and the caller's presence.
///
/// One thread at a time runs the guest; others only read the meters or say that
/// the caller is gone. Handing the guest over synchronises the threads, so the
/// counters need no ordering of their own.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) budget: Budget,
    /// Where the times below count from.
    begun: Instant,
    /// CPU time of the slices that have ended.
    used: Meter,
    /// CPU time of the instance's start, where it was made ahead and paid for then.
    ahead: Meter,
    /// The same by the wall clock.
    ran: Meter,
    /// Part of it: making the instance.
    instantiating: Meter,
    /// Part of it: in host calls.
    host_calls: Meter,
    /// The thread's CPU time when the slice began.
    slice_cpu_start: Meter,
    /// From `begun` to the slice.
    slice_start: Meter,
    caller_gone: AtomicBool,
}

/// Nanoseconds, written by one thread at a time.
#[derive(Debug, Default)]
struct Meter(AtomicU64);

impl Meter {
    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    fn set(&self, value: Duration) {
        // 2^64 ns are 584 years.
        self.0.store(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    fn add(&self, more: Duration) {
        self.set(self.get() + more);
    }
}

/// What one slice gave and cost.
#[derive(Debug)]
pub(crate) struct Metered<T> {
    pub(crate) result: T,
    pub(crate) cpu: Duration,
    /// When it ended.
    pub(crate) ended: Instant,
}

impl Control {
    pub(crate) fn new(budget: Budget, begun: Instant) -> Self {
        Self {
            budget,
            begun,
            used: Meter::default(),
            ahead: Meter::default(),
            ran: Meter::default(),
            instantiating: Meter::default(),
            host_calls: Meter::default(),
            slice_cpu_start: Meter::default(),
            slice_start: Meter::default(),
            caller_gone: AtomicBool::new(false),
        }
    }

    /// Runs one slice of the guest on this thread and charges what it took.
    /// `began` is a read of the clock that the caller has made for it.
    pub(crate) fn metered<T>(&self, began: Instant, slice: impl FnOnce() -> T) -> Metered<T> {
        let clock = SliceClock::start(began);
        self.slice_cpu_start.set(clock.cpu_at_start());
        self.slice_start.set(self.since_begun(began));
        let result = slice();
        let (cpu, ended) = clock.end();
        self.used.add(cpu);
        self.ran.add(ended.saturating_duration_since(began));
        Metered { result, cpu, ended }
    }

    /// CPU time of the slices that have ended, and of a start made ahead.
    pub(crate) fn cpu(&self) -> Duration {
        self.used.get() + self.ahead.get()
    }

    /// The same up to now; from within a slice.
    pub(crate) fn cpu_now(&self) -> Duration {
        self.cpu() + self.slice_cpu()
    }

    /// Part of it: what the call itself took.
    pub(crate) fn own_cpu(&self) -> Duration {
        self.used.get()
    }

    /// The call goes on from a start that took so much CPU time, as if it had been its own.
    pub(crate) fn started_ahead(&self, cpu: Duration) {
        self.ahead.set(cpu);
    }

    /// Notes from within a slice that the instance is there, after it has been
    /// begun at `from`; says how long that took.
    pub(crate) fn instantiated(&self, from: Duration) -> Duration {
        let took = self.running().saturating_sub(from);
        self.instantiating.set(took);
        took
    }

    /// How long the guest has run by the wall clock, waits left out; from within a slice.
    pub(crate) fn running(&self) -> Duration {
        self.ran.get() + self.since_begun(Instant::now()).saturating_sub(self.slice_start.get())
    }

    /// Notes the time of one host call.
    pub(crate) fn called(&self, took: Duration) {
        self.host_calls.add(took);
    }

    /// All times of a call that was accepted and ended then; memory and number
    /// of host calls are those of `counted`.
    pub(crate) fn stats(&self, accepted: Instant, ended: Instant, counted: Stats) -> Stats {
        let wall = ended.saturating_duration_since(accepted);
        // A slice may be under way on another thread.
        let ran = self.ran.get().min(wall);
        let instantiate = self.instantiating.get().min(ran);
        let host_call_time = self.host_calls.get().min(ran - instantiate);
        Stats {
            cpu: self.cpu(),
            wall,
            queue: wall - ran,
            instantiate,
            guest: ran - instantiate - host_call_time,
            host_call_time,
            memory_peak_bytes: counted.memory_peak_bytes,
            host_calls: counted.host_calls,
        }
    }

    /// The next ticks stop the guest, wherever it is.
    pub(crate) fn caller_gave_up(&self) {
        self.caller_gone.store(true, Relaxed);
    }

    pub(crate) fn is_caller_gone(&self) -> bool {
        self.caller_gone.load(Relaxed)
    }

    /// Decides at a tick; called by the guest's own thread within a slice.
    pub(crate) fn turn(&self) -> Turn {
        let slice_cpu = self.slice_cpu();
        self.budget.turn(Usage { cpu: self.cpu() + slice_cpu, slice_cpu, now: Instant::now(), caller_gone: self.caller_gone.load(Relaxed) })
    }

    fn slice_cpu(&self) -> Duration {
        thread_cpu().saturating_sub(self.slice_cpu_start.get())
    }

    fn since_begun(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_calls_time_add_up_to_all_of_it() {
        let ms = Duration::from_millis;
        let begun = Instant::now();
        let accepted = begun - ms(2);
        let budget = Budget { cpu: ms(50), wall_end: begun + ms(100), caller_end: None };
        let control = Control::new(budget, begun);
        let slice = control.metered(Instant::now(), || {
            let from = control.running();
            std::thread::park_timeout(ms(2));
            control.instantiated(from);
            control.called(ms(1));
            std::thread::park_timeout(ms(2));
        });
        let stats = control.stats(accepted, slice.ended + ms(7), Stats { host_calls: 3, ..Stats::default() });
        assert_eq!(stats.queue + stats.instantiate + stats.guest + stats.host_call_time, stats.wall);
        assert!(stats.queue >= ms(7) && stats.instantiate >= ms(2), "{stats:?}");
        assert_eq!((stats.host_call_time, stats.host_calls, stats.cpu), (ms(1), 3, slice.cpu));
    }
}
