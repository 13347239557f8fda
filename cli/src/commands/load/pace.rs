//! When calls begin: on a schedule that no slow answer moves.
//!
//! A thread of its own sleeps from one due time to the next; the runtime's
//! timers know milliseconds only. Where no slot is free it waits, and the calls
//! that were due meanwhile begin late: their latency counts from when they were
//! due, so a server that stands still is seen by every call it kept waiting.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{plan::Stage, slots::Slots};

/// Later than this after it was due, a call has begun late: above what a busy machine's clock adds.
const LATE: Duration = Duration::from_millis(10);
/// How long a sleep or a wait lasts at most before it looks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What is still due at a stage's end may begin for so long.
const OVERTIME: Duration = Duration::from_millis(100);

/// A call that begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    /// Counted over the whole load.
    pub(super) call: u64,
    /// Which stage it belongs to, counted over the whole load.
    pub(super) stage: usize,
    pub(super) slot: usize,
    pub(super) due: Instant,
}

/// How far a stage was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Paced {
    /// Calls that were due.
    pub(super) due: u64,
    pub(super) begun: u64,
    /// Of those begun, how many more than 10 ms after they were due.
    pub(super) late: u64,
    /// Of those begun, how many found no free slot when they were due.
    pub(super) waited: u64,
}

impl Paced {
    /// Whether the rate that was asked for was offered: at most one in a hundred missing or late.
    pub(super) fn is_offered(&self) -> bool {
        (self.due - self.begun + self.late) * 100 <= self.due
    }

    /// With another stage's.
    pub(super) fn and(self, other: &Self) -> Self {
        Self { due: self.due + other.due, begun: self.begun + other.begun, late: self.late + other.late, waited: self.waited + other.waited }
    }
}

/// Which stage runs and since when: for whoever looks on.
#[derive(Debug, Default)]
pub(super) struct Now(Mutex<Option<(Stage, Instant)>>);

impl Now {
    /// Calls a second that are asked for at this moment.
    pub(super) fn rate(&self) -> f64 {
        let now = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.map_or(0.0, |(stage, start)| stage.rate_at(start.elapsed()))
    }

    fn set(&self, stage: Stage, start: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((stage, start));
    }
}

/// What keeps a load going: shared by its clock, its calls and whoever looks on.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) slots: Slots,
    pub(super) now: Now,
    pub(super) stop: AtomicBool,
}

impl Course {
    pub(super) fn with_slots(count: usize) -> Self {
        Self { slots: Slots::new(count), now: Now::default(), stop: AtomicBool::new(false) }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Begins the calls of stages as they are due, one stage after the other, from `start` on. Returns at the end, or once it is
/// stopped: then the stages that did not begin are missing. `before` are stages and calls of the load that came before.
pub(super) fn pace(stages: &[Stage], start: Instant, before: (usize, u64), course: &Course, begin: impl Fn(Begin)) -> Vec<Paced> {
    let (mut start, (stages_before, mut call)) = (start, before);
    let (mut all, mut lead) = (Vec::new(), 0.0);
    for (at, stage) in stages.iter().enumerate() {
        if course.is_stopped() {
            break;
        }
        course.now.set(*stage, start);
        let paced =
            pace_stage(*stage, start, lead, course, |within, slot, due| begin(Begin { call: call + within, stage: stages_before + at, slot, due }));
        all.push(paced);
        call += paced.begun;
        start += stage.duration;
        lead = stage.lead_after(lead);
    }
    all
}

fn pace_stage(stage: Stage, start: Instant, lead: f64, course: &Course, begin: impl Fn(u64, usize, Instant)) -> Paced {
    let (mut paced, end) = (Paced::default(), start + stage.duration);
    for call in 0..stage.calls(lead) {
        let due = start + stage.due(lead + call as f64);
        if !sleep_until(due, &course.stop) || Instant::now() > end + OVERTIME {
            break;
        }
        let slot = course.slots.take().or_else(|| {
            paced.waited += 1;
            course.slots.take_before(end, LOOK_EVERY, &course.stop)
        });
        let Some(slot) = slot else {
            // It never began, so it is none of those that began after a wait.
            paced.waited -= 1;
            break;
        };
        paced.begun += 1;
        paced.late += u64::from(due.elapsed() > LATE);
        begin(call, slot, due);
    }
    sleep_until(end, &course.stop);
    paced.due = stage.due_before(start.elapsed(), lead).max(paced.begun);
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

    fn steady(rate: f64, millis: u64) -> Stage {
        Stage::steady(rate, Duration::from_millis(millis))
    }

    #[test]
    fn a_free_server_gets_every_call_in_order_and_slots_in_turn() {
        let course = Course::with_slots(2);
        let begun = Mutex::new(Vec::new());
        let paced = pace(&[steady(1_000.0, 20), steady(500.0, 20)], Instant::now(), (3, 100), &course, |begin| {
            begun.lock().unwrap().push((begin.call, begin.stage, begin.slot));
            course.slots.give(begin.slot);
        });
        assert_eq!(paced.iter().map(|paced| (paced.due, paced.begun)).collect::<Vec<_>>(), [(20, 20), (10, 10)]);
        let begun = begun.into_inner().unwrap();
        let expected = (100..130).map(|call| (call, if call < 120 { 3 } else { 4 }, usize::try_from(call % 2).unwrap()));
        assert!(begun.iter().copied().eq(expected), "{begun:?}");
    }

    /// Coordinated omission: what waited for a slot counts from when it was due.
    #[test]
    fn calls_behind_a_slow_one_keep_the_time_they_were_due() {
        let (course, start) = (Course::with_slots(1), Instant::now());
        let waited = Mutex::new(Vec::new());
        let paced = thread::scope(|scope| {
            pace(&[steady(100.0, 500)], start, (0, 0), &course, |begin| {
                waited.lock().unwrap().push((begin.due - start, begin.due.elapsed()));
                let slots = &course.slots;
                // The first answer takes 200 ms.
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(if begin.call == 0 { 200 } else { 0 }));
                    slots.give(begin.slot);
                });
            })
        });
        let waited = waited.into_inner().unwrap();
        assert_eq!(waited[1].0, Duration::from_millis(10));
        assert!(waited[1].1 > Duration::from_millis(150), "the second call waited for the first: {:?}", waited[1].1);
        assert!(waited.len() > 20, "calls that were due meanwhile begin later");
        assert!(paced[0].waited > 0, "and it is known why");
    }

    #[test]
    fn a_server_that_stands_still_is_not_offered_more_than_there_are_slots() {
        let paced = pace(&[steady(500.0, 100)], Instant::now(), (0, 0), &Course::with_slots(3), |_| {});
        assert_eq!(paced, [Paced { due: 50, begun: 3, late: paced[0].late, waited: 0 }]);
        assert!(!paced[0].is_offered());
        assert!(Paced { due: 1_000, begun: 995, late: 5, waited: 0 }.is_offered());
    }

    #[test]
    fn stopping_ends_it_at_once() {
        let course = Course::with_slots(1);
        course.stop.store(true, Ordering::Relaxed);
        assert!(pace(&[steady(10.0, 3_600_000)], Instant::now(), (0, 0), &course, |_| {}).is_empty());
    }
}
