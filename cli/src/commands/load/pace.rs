//! When calls begin: on a schedule that no slow answer moves.
//!
//! A thread of its own sleeps from one due time to the next; the runtime's
//! timers know milliseconds only. Where no slot is free it waits, and the calls
//! that were due meanwhile begin late: their latency counts from when they were
//! due, so a server that stands still is seen by every call it kept waiting.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Later than this after it was due, a call has begun late: above what a busy machine's clock adds.
const LATE: Duration = Duration::from_millis(10);
/// How long a sleep or a wait lasts at most before it looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What is still due at the schedule's end may begin for so long.
const OVERTIME: Duration = Duration::from_millis(100);

/// A constant rate from a moment on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    start: Instant,
    rate: f64,
    duration: Duration,
}

/// How far a schedule was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Paced {
    /// Calls that were due.
    pub(super) due: u64,
    pub(super) begun: u64,
    /// Of those begun, how many more than 10 ms after they were due.
    pub(super) late: u64,
}

impl Schedule {
    pub(super) fn new(start: Instant, rate: f64, duration: Duration) -> Self {
        Self { start, rate, duration }
    }

    fn end(&self) -> Instant {
        self.start + self.duration
    }

    /// How many calls there are in all.
    fn calls(&self) -> u64 {
        // Bounded by the largest rate and duration, far below what the type holds.
        (self.rate * self.duration.as_secs_f64()).floor() as u64
    }

    fn due(&self, call: u64) -> Instant {
        self.start + Duration::from_secs_f64(call as f64 / self.rate)
    }

    /// How many calls were due before `moment`.
    fn due_before(&self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.start).min(self.duration);
        ((self.rate * elapsed.as_secs_f64()).floor() as u64).min(self.calls())
    }
}

impl Paced {
    /// Whether the rate that was asked for was offered: at most one in a hundred missing or late.
    pub(super) fn is_offered(&self) -> bool {
        (self.due - self.begun + self.late) * 100 <= self.due
    }
}

/// Places for calls in flight: what bounds a load's memory.
#[derive(Debug)]
pub(super) struct Slots {
    free: Mutex<VecDeque<usize>>,
    given: Condvar,
}

impl Slots {
    /// Slots `0..count`; the one that was free longest is taken first.
    pub(super) fn new(count: usize) -> Self {
        Self { free: Mutex::new((0..count).collect()), given: Condvar::new() }
    }

    /// A slot, waiting for one until `end` or until `stop` is set.
    fn take(&self, end: Instant, stop: &AtomicBool) -> Option<usize> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(slot) = free.pop_front() {
                return Some(slot);
            }
            if stop.load(Ordering::Relaxed) || Instant::now() >= end {
                return None;
            }
            free = self.given.wait_timeout(free, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives one back.
    pub(super) fn give(&self, slot: usize) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(slot);
        self.given.notify_one();
    }
}

/// Begins calls as they are due, each with its number, its slot and when it was due. Returns at the end, or once `stop` is set.
pub(super) fn pace(schedule: Schedule, slots: &Slots, stop: &AtomicBool, begin: impl Fn(u64, usize, Instant)) -> Paced {
    let mut paced = Paced::default();
    for call in 0..schedule.calls() {
        let due = schedule.due(call);
        if !sleep_until(due, stop) || Instant::now() > schedule.end() + OVERTIME {
            break;
        }
        let Some(slot) = slots.take(schedule.end(), stop) else { break };
        paced.begun += 1;
        paced.late += u64::from(due.elapsed() > LATE);
        begin(call, slot, due);
    }
    paced.due = schedule.due_before(Instant::now()).max(paced.begun);
    paced
}

/// Whether the moment came before `stop` was set.
fn sleep_until(moment: Instant, stop: &AtomicBool) -> bool {
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        match moment.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => thread::sleep(left.min(LOOK_EVERY)),
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static RUNS: AtomicBool = AtomicBool::new(false);

    #[test]
    fn calls_are_due_at_a_constant_rate() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 250.0, Duration::from_secs(4));
        assert_eq!(schedule.calls(), 1_000);
        assert_eq!(schedule.due(500), start + Duration::from_secs(2));
        assert_eq!(schedule.due_before(start + Duration::from_secs(1)), 250);
        assert_eq!(schedule.due_before(start + Duration::from_secs(9)), 1_000);
    }

    #[test]
    fn a_free_server_gets_every_call_in_order_and_slots_in_turn() {
        let slots = Slots::new(2);
        let begun = Mutex::new(Vec::new());
        let schedule = Schedule::new(Instant::now(), 1_000.0, Duration::from_millis(20));
        let paced = pace(schedule, &slots, &RUNS, |call, slot, _| {
            begun.lock().unwrap().push((call, slot));
            slots.give(slot);
        });
        assert_eq!((paced.due, paced.begun), (20, 20));
        let begun = begun.into_inner().unwrap();
        assert!(begun.iter().all(|(call, slot)| *slot as u64 == call % 2), "{begun:?}");
    }

    /// Coordinated omission: what waited for a slot counts from when it was due.
    #[test]
    fn calls_behind_a_slow_one_keep_the_time_they_were_due() {
        let (slots, start) = (Slots::new(1), Instant::now());
        let waited = Mutex::new(Vec::new());
        let schedule = Schedule::new(start, 100.0, Duration::from_millis(500));
        thread::scope(|scope| {
            pace(schedule, &slots, &RUNS, |call, slot, due| {
                waited.lock().unwrap().push((due - start, due.elapsed()));
                let slots = &slots;
                // The first answer takes 200 ms.
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(if call == 0 { 200 } else { 0 }));
                    slots.give(slot);
                });
            });
        });
        let waited = waited.into_inner().unwrap();
        assert_eq!(waited[1].0, Duration::from_millis(10));
        assert!(waited[1].1 > Duration::from_millis(150), "the second call waited for the first: {:?}", waited[1].1);
        assert!(waited.len() > 20, "calls that were due meanwhile begin later");
    }

    #[test]
    fn a_server_that_stands_still_is_not_offered_more_than_there_are_slots() {
        let slots = Slots::new(3);
        let paced = pace(Schedule::new(Instant::now(), 500.0, Duration::from_millis(100)), &slots, &RUNS, |_, _, _| {});
        assert_eq!((paced.due, paced.begun), (50, 3));
        assert!(!paced.is_offered());
        assert!(Paced { due: 1_000, begun: 995, late: 5 }.is_offered());
    }

    #[test]
    fn stopping_ends_it_at_once() {
        let paced = pace(Schedule::new(Instant::now(), 10.0, Duration::from_secs(3_600)), &Slots::new(1), &AtomicBool::new(true), |_, _, _| {});
        assert_eq!(paced.begun, 0);
    }
}
