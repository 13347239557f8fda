//! `--until-p99`: the highest rate at which a bound is kept. Pure: what to
//! offer next follows from how the last step went.

use std::time::Duration;

use super::plan::Stage;

/// Until a step fails, the next one offers so many times its rate.
const GROWTH: f64 = 2.0;
/// The search ends once the rate that held and the one that did not are so near: closer than steps repeat.
const NEAR: f64 = 1.05;
/// From 1 a second to a million it takes 20 steps, and 5 between two of them.
const STEPS_MAX: usize = 32;
/// A p99 of fewer calls is that of one or two of them.
const CALLS_MIN: u64 = 100;

/// A search that goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    step: Duration,
    pub(super) bound: Duration,
    next: f64,
    pub(super) held: Option<f64>,
    pub(super) failed: Option<f64>,
    steps: usize,
}

impl Search {
    /// Begins with `rate`, each step as long as `step`.
    pub(super) fn new(rate: f64, step: Duration, bound: Duration) -> Self {
        Self { step, bound, next: rate, held: None, failed: None, steps: 0 }
    }

    /// What to offer now; nothing once the answer is as near as it can be told.
    pub(super) fn stage(&self) -> Option<Stage> {
        let stage = Stage::steady(self.next, self.step);
        let is_near = self.held.zip(self.failed).is_some_and(|(held, failed)| failed / held <= NEAR);
        (!is_near && self.steps < STEPS_MAX && stage.calls(0.0) >= CALLS_MIN).then_some(stage)
    }

    /// Whether there is anything to find: a step long enough to tell.
    pub(super) fn is_possible(&self) -> bool {
        self.stage().is_some()
    }

    /// Takes in how the step went that [`stage`](Self::stage) said.
    pub(super) fn went(&mut self, held: bool) {
        self.steps += 1;
        if held {
            self.held = Some(self.next);
        } else {
            self.failed = Some(self.next);
        }
        self.next = match (self.held, self.failed) {
            // In the middle, as rates compare: by their ratio.
            (Some(held), Some(failed)) => (held * failed).sqrt(),
            (Some(held), None) => held * GROWTH,
            (None, _) => self.next / GROWTH,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every rate that a search offers to a server that holds up to `limit`, and what it finds.
    fn find(start: f64, limit: f64) -> (Vec<f64>, Option<f64>) {
        let mut search = Search::new(start, Duration::from_secs(10), Duration::from_millis(5));
        let mut offered = Vec::new();
        while let Some(stage) = search.stage() {
            offered.push(stage.from);
            search.went(stage.from <= limit);
        }
        (offered, search.held)
    }

    #[test]
    fn it_climbs_then_closes_in() {
        let (offered, held) = find(100.0, 3_300.0);
        assert_eq!(offered[..7], [100.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0, 6_400.0]);
        let held = held.unwrap();
        assert!(held <= 3_300.0 && held * NEAR >= 3_300.0, "{held} of {offered:?}");
        assert!(offered.len() <= 12, "{offered:?}");
    }

    #[test]
    fn it_goes_down_where_it_began_too_high_and_gives_up_where_a_step_tells_nothing() {
        let (_, held) = find(10_000.0, 700.0);
        assert!((660.0..=700.0).contains(&held.unwrap()), "{held:?}");
        let (offered, held) = find(100.0, 1.0);
        assert_eq!(held, None);
        assert!(offered.iter().all(|rate| *rate >= 10.0), "10 s of less are too few calls: {offered:?}");
    }

    #[test]
    fn a_server_without_a_limit_is_not_asked_for_ever() {
        assert_eq!(find(1e5, f64::INFINITY).0.len(), STEPS_MAX);
    }
}
