//! The states of one breaker. Pure: time is given as the time since some start.
//!
//! closed → open when too many calls of the window failed or were slow;
//! open → probing when its rest is over; probing → closed when every probe
//! answered, → open with a longer rest when one did not. After a whole window
//! without failure in the closed state the breaker is as good as none.

use std::time::Duration;

use serde::Serialize;

use crate::{
    BreakerSettings,
    ticket::Ended,
    window::{Counts, Window},
};

/// A call that meets as many probes as may run comes again after this: most
/// calls end sooner.
const PROBES_RETRY: Duration = Duration::from_millis(250);

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too many calls failed.
    Errors,
    /// Too many calls took most of their wall limit.
    Slow,
    /// A probe failed or was slow.
    Probe,
}

impl Reason {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Slow => "slow",
            Self::Probe => "probe",
        }
    }
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Calls are refused for `rest`.
    Opened {
        /// Why.
        reason: Reason,
        /// How long.
        rest: Duration,
    },
    /// Calls are answered again.
    Closed,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It goes on.
    Free,
    /// It goes on and decides whether the breaker closes.
    Probe,
    /// It is refused; try again after this.
    Refused(Duration),
}

/// Where a breaker stands.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Calls go on and are counted.
    Closed(Window),
    /// Calls are refused.
    Open { until: Duration },
    /// A few calls go on and decide.
    Probing { running: u32, answered: u32 },
}

/// One breaker.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) state: State,
    /// Counts changes, so that a call's end is told from those of earlier states.
    epoch: u32,
    /// Openings since it was last without failure for a whole window.
    pub(crate) openings: u32,
    pub(crate) reason: Option<Reason>,
    /// When a call last failed or was slow, or the breaker closed.
    pub(crate) troubled: Duration,
}

impl Machine {
    pub(crate) fn new(settings: &BreakerSettings) -> Self {
        Self { state: State::Closed(Window::new(settings.window())), epoch: 0, openings: 0, reason: None, troubled: Duration::ZERO }
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether a call may go on.
    pub(crate) fn admit(&mut self, settings: &BreakerSettings, now: Duration) -> Passage {
        if let State::Open { until } = self.state {
            if now < until {
                return Passage::Refused(until - now);
            }
            self.enter(State::Probing { running: 0, answered: 0 });
        }
        match &mut self.state {
            State::Probing { running, answered } if *running + *answered < settings.probes => {
                *running += 1;
                Passage::Probe
            }
            State::Probing { .. } => Passage::Refused(PROBES_RETRY),
            State::Closed(_) | State::Open { .. } => Passage::Free,
        }
    }

    /// A probe of `epoch` is over, and says nothing.
    pub(crate) fn give_back(&mut self, epoch: u32) {
        if let State::Probing { running, .. } = &mut self.state
            && epoch == self.epoch
        {
            *running = running.saturating_sub(1);
        }
    }

    /// A call that was let through in `epoch` has ended.
    pub(crate) fn report(&mut self, settings: &BreakerSettings, epoch: u32, ended: Ended, now: Duration) -> Option<Change> {
        if epoch != self.epoch {
            // It began under an earlier state and says nothing of this one.
            return None;
        }
        if ended.is_trouble() {
            self.troubled = now;
        }
        match &mut self.state {
            State::Open { .. } => None,
            State::Closed(window) => {
                let reason = count(settings, window, ended, now)?;
                Some(self.open(settings, reason, now))
            }
            State::Probing { .. } if ended.is_trouble() => Some(self.open(settings, Reason::Probe, now)),
            State::Probing { running, answered } => {
                *running = running.saturating_sub(1);
                *answered += 1;
                if *answered < settings.probes {
                    return None;
                }
                // Trouble that comes back soon finds the longer rest.
                self.troubled = now;
                self.enter(State::Closed(Window::new(settings.window())));
                Some(Change::Closed)
            }
        }
    }

    /// Whether it is as good as none: without trouble for so long that what it
    /// remembers no longer matters.
    pub(crate) fn is_idle(&self, settings: &BreakerSettings, now: Duration) -> bool {
        let quiet = now.saturating_sub(self.troubled);
        let rest = if self.openings > 0 { settings.rest(self.openings) } else { Duration::ZERO };
        match self.state {
            State::Closed(_) => quiet >= settings.window().max(rest),
            // Nobody has called the version since its rest ended.
            State::Open { .. } | State::Probing { .. } => quiet >= rest + settings.rest_max(),
        }
    }

    fn open(&mut self, settings: &BreakerSettings, reason: Reason, now: Duration) -> Change {
        let rest = settings.rest(self.openings);
        self.openings = self.openings.saturating_add(1);
        self.reason = Some(reason);
        self.enter(State::Open { until: now + rest });
        Change::Opened { reason, rest }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

/// Counts one call; says why that is too much.
fn count(settings: &BreakerSettings, window: &mut Window, ended: Ended, now: Duration) -> Option<Reason> {
    window.count(now, ended.counts());
    if !ended.is_trouble() {
        return None;
    }
    let Counts { calls, failed, slow } = window.sum(now);
    let reaches = |part: u32, percent: u32| u64::from(part) * 100 >= u64::from(calls) * u64::from(percent);
    if calls < settings.calls_min {
        None
    } else if reaches(failed, settings.error_percent) {
        Some(Reason::Errors)
    } else {
        reaches(slow, settings.slow_percent).then_some(Reason::Slow)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        enabled: true,
        window_ms: 1_000,
        calls_min: 4,
        error_percent: 50,
        slow_at_percent: 80,
        slow_percent: 75,
        rest_ms: 500,
        rest_max_ms: 2_000,
        probes: 2,
    };
    const GOOD: Ended = Ended::Answered { slow: false };
    const SLOW: Ended = Ended::Answered { slow: true };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// One call that ends at once.
    fn call(machine: &mut Machine, ended: Ended, at: u64) -> (Passage, Option<Change>) {
        let passage = machine.admit(&SETTINGS, ms(at));
        let epoch = machine.epoch();
        let change = if matches!(passage, Passage::Refused(_)) { None } else { machine.report(&SETTINGS, epoch, ended, ms(at)) };
        (passage, change)
    }

    fn opened(calls: &[Ended]) -> (Machine, Option<Change>) {
        let mut machine = Machine::new(&SETTINGS);
        let changes: Vec<_> = calls.iter().filter_map(|&ended| call(&mut machine, ended, 0).1).collect();
        assert!(changes.len() <= 1);
        (machine, changes.first().copied())
    }

    #[test]
    fn it_opens_on_errors_or_slowness_and_only_with_enough_calls() {
        let change = |reason| Some(Change::Opened { reason, rest: ms(500) });
        let failed = Ended::Failed;
        assert_eq!(opened(&[failed, failed, failed]).1, None, "three calls say nothing");
        assert_eq!(opened(&[GOOD, GOOD, failed, failed]).1, change(Reason::Errors));
        assert_eq!(opened(&[GOOD, GOOD, GOOD, failed, failed]).1, None);
        assert_eq!(opened(&[SLOW, GOOD, SLOW, SLOW]).1, change(Reason::Slow));
        assert_eq!(opened(&[SLOW, GOOD, GOOD, SLOW, SLOW]).1, None);
    }

    #[test]
    fn an_open_breaker_refuses_probes_and_closes() {
        let (mut machine, _) = opened(&[Ended::Failed; 4]);
        assert_eq!(machine.admit(&SETTINGS, ms(100)), Passage::Refused(ms(400)));
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Probe);
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Probe);
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Refused(PROBES_RETRY), "two probes at a time");
        let epoch = machine.epoch();
        assert_eq!(machine.report(&SETTINGS, epoch, GOOD, ms(501)), None);
        assert_eq!(machine.admit(&SETTINGS, ms(501)), Passage::Refused(PROBES_RETRY), "one answered and one runs");
        assert_eq!(machine.report(&SETTINGS, epoch, GOOD, ms(502)), Some(Change::Closed));
        assert_eq!(machine.admit(&SETTINGS, ms(503)), Passage::Free);
    }

    #[test]
    fn a_failed_probe_doubles_the_rest_and_quiet_forgets_it() {
        let (mut machine, _) = opened(&[Ended::Failed; 4]);
        let mut at = 500;
        for rest in [1_000, 2_000, 2_000] {
            let (passage, change) = call(&mut machine, Ended::Failed, at);
            assert_eq!((passage, change), (Passage::Probe, Some(Change::Opened { reason: Reason::Probe, rest: ms(rest) })));
            at += rest;
        }
        assert_eq!(call(&mut machine, GOOD, at).1, None);
        assert_eq!(call(&mut machine, GOOD, at).1, Some(Change::Closed));
        assert!(!machine.is_idle(&SETTINGS, ms(at)) && machine.is_idle(&SETTINGS, ms(at + 2_000)));
    }

    #[test]
    fn a_probe_that_says_nothing_gives_its_place_back() {
        let (mut machine, _) = opened(&[Ended::Failed; 4]);
        let epoch = {
            assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Probe);
            machine.epoch()
        };
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Probe);
        machine.give_back(epoch);
        machine.give_back(epoch.wrapping_sub(1));
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Probe);
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Refused(PROBES_RETRY));
    }

    #[test]
    fn calls_of_before_say_nothing_of_now() {
        let (mut machine, _) = opened(&[Ended::Failed; 3]);
        let before = machine.epoch();
        assert!(call(&mut machine, Ended::Failed, 0).1.is_some());
        for late in [Ended::Failed, GOOD, GOOD] {
            assert_eq!(machine.report(&SETTINGS, before, late, ms(400)), None);
        }
        assert_eq!(machine.admit(&SETTINGS, ms(500)), Passage::Probe);
        assert_eq!(machine.report(&SETTINGS, before, Ended::Failed, ms(500)), None);
        let State::Probing { running: 1, answered: 0 } = machine.state else { panic!("{machine:?}") };
    }

    /// One step of a random history.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Wait(u64),
        Admit,
        /// Ends one of the calls under way; none: its caller left.
        End(usize, Option<Ended>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let ended = prop::option::of(prop::sample::select(vec![Ended::Failed, Ended::Failed, GOOD, SLOW]));
        prop_oneof![
            (0..700u64).prop_map(Step::Wait),
            Just(Step::Admit),
            Just(Step::Admit),
            (0..8usize, ended).prop_map(|(call, ended)| Step::End(call, ended))
        ]
    }

    proptest! {
        /// Whatever happens: an open breaker lets nothing through before its rest is over and
        /// something right after it, no more probes run than may, it opens on trouble alone, and
        /// rests stay within their bounds.
        #[test]
        fn every_history_keeps_the_promises(steps in prop::collection::vec(step(), 1..200)) {
            let mut machine = Machine::new(&SETTINGS);
            let (mut now, mut until, mut calls) = (Duration::ZERO, None, Vec::<(u32, bool)>::new());
            for step in steps {
                match step {
                    Step::Wait(millis) => now += ms(millis),
                    Step::Admit => {
                        let passage = machine.admit(&SETTINGS, now);
                        match (passage, until) {
                            (Passage::Refused(retry), Some(until)) if now < until => prop_assert_eq!(retry, until - now),
                            (Passage::Refused(_), _) => {
                                let deciding = matches!(machine.state, State::Probing { running, answered } if running + answered > 0);
                                prop_assert!(deciding, "refused after its rest");
                            }
                            (Passage::Free | Passage::Probe, Some(until)) => prop_assert!(now >= until, "let through at rest"),
                            (Passage::Free | Passage::Probe, None) => {}
                        }
                        if !matches!(passage, Passage::Refused(_)) {
                            calls.push((machine.epoch(), passage == Passage::Probe));
                        }
                        let probes = calls.iter().filter(|&&(epoch, probe)| probe && epoch == machine.epoch()).count();
                        prop_assert!(probes <= SETTINGS.probes as usize);
                    }
                    Step::End(which, ended) if !calls.is_empty() => {
                        let (epoch, probe) = calls.swap_remove(which % calls.len());
                        let Some(ended) = ended else {
                            if probe { machine.give_back(epoch); }
                            continue;
                        };
                        match machine.report(&SETTINGS, epoch, ended, now) {
                            Some(Change::Opened { rest, .. }) => {
                                prop_assert!(ended.is_trouble() && (ms(500)..=ms(2_000)).contains(&rest));
                                until = Some(now + rest);
                            }
                            Some(Change::Closed) => {
                                prop_assert!(probe && ended == GOOD);
                                until = None;
                            }
                            None => {}
                        }
                    }
                    Step::End(..) => {}
                }
            }
        }
    }
}
