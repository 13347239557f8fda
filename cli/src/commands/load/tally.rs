//! What calls came to: latencies, failures by code, versions that answered.
//! Its size does not grow with the number of calls.

use std::{collections::BTreeMap, time::Duration};

use extensions_client::{Invocation, InvokeError};
use hdrhistogram::Histogram;

/// A call ends by its timeout, at most a minute after it began; one that begins late may be due long before.
const LATENCY_MAX_MICROS: u64 = 24 * 3_600 * 1_000_000;
/// More versions than this within one load are not told apart; promotions are seconds apart.
const VERSIONS_MAX: usize = 10_000;
/// What is kept of the first text with a code.
const EXAMPLE_CHARS: usize = 200;

/// Calls and when the first and the last of them were begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) calls: u64,
    /// Since the load began.
    pub(super) first: Duration,
    pub(super) last: Duration,
}

/// One code's failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) seen: Seen,
    /// The first text that came with it.
    pub(super) example: String,
}

/// How one call ended, or one batch of them.
#[derive(Debug)]
pub(super) struct Ended<'r> {
    /// When it was begun, since the load began.
    pub(super) begun: Duration,
    /// From when it was due.
    pub(super) latency: Duration,
    /// Of its inputs.
    pub(super) results: &'r [Result<Invocation, InvokeError>],
    /// The inputs that each result stands for: all of a batch that was refused as a whole, else one.
    pub(super) each: u64,
}

/// Everything that ended so far.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Microseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) versions: BTreeMap<u64, Seen>,
    pub(super) failures: BTreeMap<&'static str, Failed>,
    /// Answers that a failure contract gave, by its action.
    pub(super) fallbacks: BTreeMap<String, u64>,
}

impl Default for Tally {
    fn default() -> Self {
        // It grows with the slowest call, up to that bound: a quarter of a megabyte.
        let latency = Histogram::new(3).expect("three digits are within the crate's bounds");
        Self { latency, versions: BTreeMap::new(), failures: BTreeMap::new(), fallbacks: BTreeMap::new() }
    }
}

impl Seen {
    fn at(moment: Duration, calls: u64) -> Self {
        Self { calls, first: moment, last: moment }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

impl Tally {
    pub(super) fn record(&mut self, ended: &Ended<'_>) {
        let micros = u64::try_from(ended.latency.as_micros()).unwrap_or(u64::MAX);
        self.latency.record(micros.clamp(1, LATENCY_MAX_MICROS)).expect("it grows up to the bound");
        ended.results.iter().for_each(|result| self.count(result, Seen::at(ended.begun, ended.each)));
    }

    fn count(&mut self, result: &Result<Invocation, InvokeError>, seen: Seen) {
        match result {
            Ok(answer) => {
                self.see(answer.served_version.get(), &seen);
                if let Some(fallback) = &answer.fallback {
                    *self.fallbacks.entry(known_action(&fallback.action).to_owned()).or_default() += 1;
                }
            }
            Err(error) => {
                let code = code(error);
                self.fail(code, || Failed { seen, example: example(code, &error.to_string()) });
            }
        }
    }

    /// What another tally has, added to this one.
    pub(super) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency).expect("it grows to what the other holds");
        other.versions.iter().for_each(|(version, seen)| self.see(*version, seen));
        other.failures.iter().for_each(|(code, failed)| self.fail(code, || failed.clone()));
        other.fallbacks.iter().for_each(|(action, calls)| *self.fallbacks.entry(action.clone()).or_default() += calls);
    }

    /// Calls, or batches of them.
    pub(super) fn calls(&self) -> u64 {
        self.latency.len()
    }

    /// Inputs without an answer of their own.
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().map(|failed| failed.seen.calls).sum()
    }

    fn see(&mut self, version: u64, seen: &Seen) {
        if let Some(known) = self.versions.get_mut(&version) {
            known.add(seen);
        } else if self.versions.len() < VERSIONS_MAX {
            self.versions.insert(version, seen.clone());
        }
    }

    fn fail(&mut self, code: &'static str, failed: impl FnOnce() -> Failed) {
        match self.failures.get_mut(code) {
            Some(known) => known.seen.add(&failed().seen),
            None => _ = self.failures.insert(code, failed()),
        }
    }
}

/// The platform's code, or a word where the platform did not speak.
fn code(error: &InvokeError) -> &'static str {
    match error {
        InvokeError::Outcome(outcome) => outcome.code.as_str(),
        InvokeError::Refused(refused) => refused.code.as_str(),
        InvokeError::Unreachable { .. } => "UNREACHABLE",
        InvokeError::Absent { .. } => "ABSENT",
        InvokeError::Protocol { .. } => "PROTOCOL",
    }
}

/// The first text with a code, without the code that it may begin with.
fn example(code: &str, text: &str) -> String {
    let said = text.strip_prefix(code).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
    said.chars().take(EXAMPLE_CHARS).collect()
}

/// A closed set: what a server sends else must not fill memory.
fn known_action(action: &str) -> &'static str {
    ["skip", "default", "last_good"].into_iter().find(|known| *known == action).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use extensions_client::Refused;
    use extensions_types::{ErrorCode, Version};

    use super::*;

    fn answer(version: u64) -> Result<Invocation, InvokeError> {
        let served_version = Version::new(version).unwrap();
        Ok(Invocation { output: "{}".into(), served_version, stats: None, fallback: None, correlation: None })
    }

    fn refusal(code: ErrorCode) -> Result<Invocation, InvokeError> {
        Err(InvokeError::Refused(Box::new(Refused { code, message: "x".repeat(1_000), retry_after: None, correlation: None })))
    }

    fn at(second: u64, result: &Result<Invocation, InvokeError>) -> Ended<'_> {
        let results = std::slice::from_ref(result);
        Ended { begun: Duration::from_secs(second), latency: Duration::from_millis(second), results, each: 1 }
    }

    #[test]
    fn calls_are_counted_by_version_and_code() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.record(&at(1, &answer(1)));
        one.record(&at(4, &answer(1)));
        one.record(&at(5, &refusal(ErrorCode::Disabled)));
        other.record(&at(2, &answer(1)));
        other.record(&at(3, &answer(2)));
        other.record(&at(6, &refusal(ErrorCode::Disabled)));
        one.add(&other);
        assert_eq!((one.calls(), one.failed()), (6, 2));
        let seconds = |seen: &Seen| (seen.calls, seen.first.as_secs(), seen.last.as_secs());
        assert_eq!(seconds(&one.versions[&1]), (3, 1, 4));
        assert_eq!(seconds(&one.versions[&2]), (1, 3, 3));
        let disabled = &one.failures["DISABLED"];
        assert_eq!(seconds(&disabled.seen), (2, 5, 6));
        assert_eq!(disabled.example, "x".repeat(EXAMPLE_CHARS), "bounded, and the code stands beside it");
    }

    #[test]
    fn a_batch_is_one_latency_and_a_result_for_each_input() {
        let mut tally = Tally::default();
        let results = [answer(1), answer(1), refusal(ErrorCode::QuotaExceeded)];
        let (begun, latency) = (Duration::ZERO, Duration::from_millis(9));
        tally.record(&Ended { begun, latency, results: &results, each: 1 });
        tally.record(&Ended { begun, latency, results: &[refusal(ErrorCode::Overloaded)], each: 3 });
        assert_eq!((tally.calls(), tally.versions[&1].calls, tally.failed()), (2, 2, 4));
        assert_eq!(tally.failures["OVERLOADED"].seen.calls, 3, "all of it was refused");
    }

    #[test]
    fn what_the_platform_did_not_say_has_words_too() {
        let mut tally = Tally::default();
        let gone = Err(InvokeError::Unreachable { sent: true, source: "reset".into() });
        tally.record(&at(1, &gone));
        assert_eq!(tally.failures.keys().collect::<Vec<_>>(), [&"UNREACHABLE"]);
        assert_eq!(known_action("x".repeat(100).as_str()), "other");
    }
}
