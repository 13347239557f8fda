//! What is offered: stages, each a rate that stays or changes evenly. Pure: a
//! stage says when its calls are due, counted from its own start.

use std::time::Duration;

use super::search::Search;
use crate::args::{Load, Ramp};

/// Of a single rate, where nobody says.
const DURATION_DEFAULT: Duration = Duration::from_secs(30);
/// Of each step of several: long enough for a p99 at a hundred calls a second.
const STEP_DEFAULT: Duration = Duration::from_secs(10);
/// A ramp is reported in so many parts: enough to see where it bends, few enough to read.
const RAMP_PARTS: u32 = 10;

/// A part of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stage {
    /// Calls a second at its start, more than 0.
    pub(super) from: f64,
    /// The same at its end.
    pub(super) to: f64,
    pub(super) duration: Duration,
}

/// All of a load.
#[derive(Debug)]
pub(super) enum Plan {
    /// One after the other, without a pause.
    Fixed(Vec<Stage>),
    /// Each follows from how the one before went, with a pause to let calls end.
    Search(Search),
}

impl Plan {
    pub(super) fn of(load: &Load) -> Self {
        let step = load.duration.unwrap_or(STEP_DEFAULT);
        if let Some(bound) = load.until_p99 {
            return Self::Search(Search::new(load.rate, step, bound));
        }
        if let Some(ramp) = load.ramp {
            return Self::Fixed(Stage::ramp(ramp, load.duration));
        }
        if load.steps.is_empty() {
            return Self::Fixed(vec![Stage::steady(load.rate, load.duration.unwrap_or(DURATION_DEFAULT))]);
        }
        Self::Fixed(load.steps.iter().map(|rate| Stage::steady(*rate, step)).collect())
    }
}

impl Stage {
    pub(super) fn steady(rate: f64, duration: Duration) -> Self {
        Self { from: rate, to: rate, duration }
    }

    /// A ramp in parts, and its last rate for `stay`.
    fn ramp(ramp: Ramp, stay: Option<Duration>) -> Vec<Self> {
        let Ramp { from, to, time } = ramp;
        let rate = |part: u32| from + (to - from) * f64::from(part) / f64::from(RAMP_PARTS);
        let parts = (0..RAMP_PARTS).map(|part| Self { from: rate(part), to: rate(part + 1), duration: time / RAMP_PARTS });
        parts.chain(stay.map(|stay| Self::steady(to, stay))).collect()
    }

    /// How many calls are due in it, where the first one is `lead` calls behind its start: what the stage before left over.
    pub(super) fn calls(&self, lead: f64) -> u64 {
        self.due_before(self.duration, lead)
    }

    /// How many of them are due in the first `elapsed` of it.
    pub(super) fn due_before(&self, elapsed: Duration, lead: f64) -> u64 {
        // Bounded by the largest rate and duration, far below what the type holds.
        whole(self.area(elapsed) - lead).ceil().max(0.0) as u64
    }

    /// What it leaves over: how far behind its end the next call is due, in calls, at least 0 and less than 1.
    pub(super) fn lead_after(&self, lead: f64) -> f64 {
        let left = lead + self.calls(lead) as f64 - self.area(self.duration);
        whole(left).max(0.0)
    }

    /// How long after the stage's start a call is due, counted from its start: the first one is call `lead`.
    pub(super) fn due(&self, call: f64) -> Duration {
        // The inverse of the area below the rate; in this form also where the rate does not change.
        let growth = (self.to - self.from) / self.duration.as_secs_f64();
        let root = (2.0 * growth).mul_add(call, self.from * self.from).max(0.0).sqrt();
        Duration::from_secs_f64(2.0 * call / (self.from + root))
    }

    /// Calls as they grow with time, without being counted one by one.
    fn area(&self, elapsed: Duration) -> f64 {
        let elapsed = elapsed.min(self.duration).as_secs_f64();
        f64::midpoint(self.from, self.rate_after(elapsed)) * elapsed
    }

    /// Calls a second at a moment of it.
    pub(super) fn rate_at(&self, elapsed: Duration) -> f64 {
        self.rate_after(elapsed.min(self.duration).as_secs_f64())
    }

    fn rate_after(&self, seconds: f64) -> f64 {
        self.from + (self.to - self.from) * seconds / self.duration.as_secs_f64()
    }
}

/// A number of calls, without what floating point adds to whole ones.
fn whole(calls: f64) -> f64 {
    if (calls - calls.round()).abs() < 1e-6 { calls.round() } else { calls }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_due_at_a_constant_rate() {
        let stage = Stage::steady(250.0, Duration::from_secs(4));
        assert_eq!(stage.calls(0.0), 1_000);
        assert_eq!(stage.due(500.0), Duration::from_secs(2));
        let before = |seconds| stage.due_before(Duration::from_secs(seconds), 0.0);
        assert_eq!((before(1), before(9)), (250, 1_000));
    }

    #[test]
    fn a_ramp_is_as_dense_as_its_rate() {
        let stage = Stage { from: 100.0, to: 300.0, duration: Duration::from_secs(10) };
        assert_eq!(stage.calls(0.0), 2_000, "the mean rate for all the time");
        // After 5 s of 100 to 200 a second.
        assert!((stage.due(750.0).as_secs_f64() - 5.0).abs() < 1e-9, "{:?}", stage.due(750.0));
        assert_eq!(stage.due_before(Duration::from_secs(5), 0.0), 750);
        let due = |call: u32| stage.due(call.into());
        let gap = |call| (due(call + 1) - due(call)).as_secs_f64();
        assert!((gap(0) - 1.0 / 100.0).abs() < 1e-3 && (gap(1_998) - 1.0 / 300.0).abs() < 1e-3);
        assert!((0..2_000).all(|call| due(call) <= stage.duration));
        let falls = Stage { from: 300.0, to: 100.0, ..stage };
        assert!((0..2_000_u32).all(|call| falls.due(call.into()) < falls.due((call + 1).into())));
    }

    #[test]
    fn no_call_is_lost_between_stages() {
        let short = Stage::steady(3.0, Duration::from_millis(100));
        let (mut lead, mut calls) = (0.0, Vec::new());
        for _ in 0..10 {
            calls.push(short.calls(lead));
            assert!(short.calls(lead) == 0 || short.due(lead) < short.duration, "a stage's calls are due in it");
            lead = short.lead_after(lead);
        }
        assert_eq!(calls, [1, 0, 0, 1, 0, 0, 1, 0, 0, 0], "3 a second, a tenth of a second each");
        assert!(lead.abs() < 1e-6, "and the next one is due at the start of the next second");
    }

    #[test]
    fn the_parts_of_a_ramp_follow_each_other() {
        let parts = Stage::ramp(Ramp { from: 100.0, to: 200.0, time: Duration::from_secs(60) }, Some(Duration::from_secs(5)));
        assert_eq!(parts.len(), 11);
        assert!(parts.windows(2).all(|pair| (pair[0].to - pair[1].from).abs() < 1e-9));
        assert_eq!(parts.iter().map(|part| part.duration).sum::<Duration>(), Duration::from_secs(65));
        assert_eq!(parts[10], Stage::steady(200.0, Duration::from_secs(5)));
    }
}
