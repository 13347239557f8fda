//! What a load came to, for programs; `text.rs` says it to people.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    pace::Paced,
    plan::Stage,
    tally::{Failed, Seen, Tally},
};
use crate::args::Tolerated;

/// Everything of one load. Times of day are milliseconds since 1970, of when calls were begun.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) extension: String,
    pub(super) env: String,
    /// The highest rate that was asked for.
    pub(super) rate: f64,
    /// How long it went on.
    pub(super) seconds: f64,
    /// Ended before its time by a signal.
    pub(super) interrupted: bool,
    /// Inputs in each call; what is counted below are calls, but for versions, failures and fallbacks, which count inputs.
    pub(super) batch: u32,
    /// Whether the rate was offered: at most one call in a hundred late or left out.
    pub(super) offered: bool,
    pub(super) due: u64,
    pub(super) begun: u64,
    pub(super) late: u64,
    /// Of those begun, how many found all places in flight taken when they were due.
    pub(super) waited: u64,
    /// The places that there were.
    pub(super) in_flight_max: usize,
    /// Begun, and neither answered nor failed when the load gave up waiting.
    pub(super) unanswered: u64,
    pub(super) calls: u64,
    /// Those with a code that is not tolerated; those unanswered too, unless it was interrupted.
    pub(super) failed: u64,
    pub(super) per_second: f64,
    /// From when a call was due, of all that ended.
    pub(super) latency: Latency,
    pub(super) versions: Vec<Version>,
    pub(super) failures: Vec<Failures>,
    pub(super) fallbacks: BTreeMap<String, u64>,
    pub(super) hosts: Vec<PerHost>,
    /// One for each step or part of a ramp.
    pub(super) stages: Vec<Part>,
    /// What a search found; none where nothing was searched for.
    pub(super) found: Option<Found>,
}

#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50_micros: u64,
    pub(super) p90_micros: u64,
    pub(super) p99_micros: u64,
    pub(super) p99_9_micros: u64,
    pub(super) max_micros: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Version {
    pub(super) version: u64,
    #[serde(flatten)]
    pub(super) span: Span,
}

#[derive(Debug, Serialize)]
pub(super) struct Failures {
    pub(super) code: &'static str,
    pub(super) tolerated: bool,
    #[serde(flatten)]
    pub(super) span: Span,
    pub(super) example: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Span {
    pub(super) calls: u64,
    first_ms: u64,
    last_ms: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct PerHost {
    pub(super) url: String,
    pub(super) calls: u64,
    pub(super) p99_micros: u64,
    versions: Vec<Version>,
    failures: Vec<Failures>,
}

/// One stage.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    /// Calls a second that were asked for at its start and its end.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) seconds: f64,
    pub(super) offered: bool,
    pub(super) due: u64,
    pub(super) begun: u64,
    pub(super) late: u64,
    pub(super) waited: u64,
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) latency: Latency,
}

/// What a search found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) p99_bound_micros: u64,
    /// The highest rate that kept the bound; none where no step did.
    pub(super) rate: Option<f64>,
    /// Whether a rate was offered that did not keep it: where none was, the search was ended before it knew.
    pub(super) limit_found: bool,
}

/// What a report is made from, beside the tallies.
#[derive(Debug)]
pub(super) struct Facts<'l> {
    pub(super) extension: String,
    pub(super) env: String,
    /// When the schedule began, on the wall's clock.
    pub(super) began: SystemTime,
    pub(super) took: Duration,
    pub(super) interrupted: bool,
    pub(super) in_flight_max: usize,
    pub(super) batch: u32,
    pub(super) parts: Vec<Part>,
    pub(super) found: Option<Found>,
    pub(super) tolerated: &'l [Tolerated],
}

impl Report {
    pub(super) fn new(facts: Facts<'_>, hosts: &[(String, Tally)]) -> Self {
        let mut all = Tally::default();
        hosts.iter().for_each(|(_, tally)| all.add(tally));
        let Facts { extension, env, began, took, interrupted, in_flight_max, batch, parts, found, tolerated } = facts;
        let per_host = |(url, tally): &(String, Tally)| PerHost {
            url: url.clone(),
            calls: tally.calls(),
            p99_micros: tally.latency.value_at_quantile(0.99),
            versions: versions(tally, began),
            failures: failures(tally, began, tolerated),
        };
        let paced = parts.iter().map(Part::paced).fold(Paced::default(), |sum, paced| sum.and(&paced));
        let unanswered = paced.begun.saturating_sub(all.calls());
        // Who ends a load leaves calls in flight; they have not failed.
        let given_up = if interrupted { 0 } else { unanswered * u64::from(batch) };
        Self {
            rate: parts.iter().map(|part| part.from.max(part.to)).fold(0.0, f64::max),
            seconds: took.as_secs_f64(),
            // Of several stages each counts: a short one must not hide among the others.
            offered: parts.iter().all(|part| part.offered),
            due: paced.due,
            begun: paced.begun,
            late: paced.late,
            waited: paced.waited,
            in_flight_max,
            unanswered,
            calls: all.calls(),
            failed: given_up + failed(&all, tolerated),
            per_second: all.calls() as f64 / took.as_secs_f64().max(f64::EPSILON),
            latency: Latency::of(&all.latency),
            versions: versions(&all, began),
            failures: failures(&all, began, tolerated),
            fallbacks: all.fallbacks.clone(),
            hosts: hosts.iter().map(per_host).collect(),
            stages: parts,
            found,
            extension,
            env,
            batch,
            interrupted,
        }
    }

    /// Inputs of all calls that were begun.
    pub(super) fn inputs(&self) -> u64 {
        self.begun * u64::from(self.batch)
    }
}

impl Part {
    pub(super) fn new(stage: Stage, paced: Paced, tally: &Tally, tolerated: &[Tolerated]) -> Self {
        Self {
            from: stage.from,
            to: stage.to,
            seconds: stage.duration.as_secs_f64(),
            offered: paced.is_offered(),
            due: paced.due,
            begun: paced.begun,
            late: paced.late,
            waited: paced.waited,
            calls: tally.calls(),
            failed: failed(tally, tolerated),
            latency: Latency::of(&tally.latency),
        }
    }

    /// Whether every call was offered and answered in time, and 99 of 100 within the bound.
    pub(super) fn keeps(&self, p99: Duration) -> bool {
        let within = u128::from(self.latency.p99_micros) <= p99.as_micros();
        self.offered && self.failed == 0 && self.calls == self.begun && within
    }

    fn paced(&self) -> Paced {
        Paced { due: self.due, begun: self.begun, late: self.late, waited: self.waited }
    }
}

impl Latency {
    fn of(latency: &Histogram<u64>) -> Self {
        let at = |quantile| latency.value_at_quantile(quantile);
        Self { p50_micros: at(0.5), p90_micros: at(0.9), p99_micros: at(0.99), p99_9_micros: at(0.999), max_micros: latency.max() }
    }
}

impl Span {
    fn of(seen: &Seen, began: SystemTime) -> Self {
        let millis = |offset: Duration| {
            let since = (began + offset).duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        };
        Self { calls: seen.calls, first_ms: millis(seen.first), last_ms: millis(seen.last) }
    }
}

/// Calls with a code that is not passed over.
fn failed(tally: &Tally, tolerated: &[Tolerated]) -> u64 {
    tally.failures.iter().filter(|(code, _)| !Tolerated::has_code(tolerated, code)).map(|(_, failed)| failed.seen.calls).sum()
}

fn versions(tally: &Tally, began: SystemTime) -> Vec<Version> {
    tally.versions.iter().map(|(version, seen)| Version { version: *version, span: Span::of(seen, began) }).collect()
}

fn failures(tally: &Tally, began: SystemTime, tolerated: &[Tolerated]) -> Vec<Failures> {
    let of = |(code, failed): (&&'static str, &Failed)| Failures {
        code,
        tolerated: Tolerated::has_code(tolerated, code),
        span: Span::of(&failed.seen, began),
        example: failed.example.clone(),
    };
    tally.failures.iter().map(of).collect()
}

/// Microseconds as people read them.
pub(super) fn millis(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1e3)
}

#[cfg(test)]
pub(super) mod tests {
    use extensions_client::{InvokeError, Refused};
    use extensions_types::ErrorCode;

    use super::{super::tally::Ended, *};

    /// Two failed, one unanswered, seven left out.
    pub(in crate::commands::load) fn report(tolerated: &[Tolerated], found: Option<Found>) -> Report {
        let mut tally = Tally::default();
        for code in [ErrorCode::Disabled, ErrorCode::Overloaded] {
            let refused = Refused { code, message: "no".to_owned(), retry_after: None, correlation: None };
            let result = Err(InvokeError::Refused(Box::new(refused)));
            tally.record(&Ended { begun: Duration::from_secs(2), latency: Duration::from_millis(3), results: &[result], each: 1 });
        }
        let paced = Paced { due: 10, begun: 3, late: 0, waited: 1 };
        let facts = Facts {
            extension: "rule".to_owned(),
            env: "prod".to_owned(),
            began: UNIX_EPOCH + Duration::from_secs(10),
            took: Duration::from_secs(2),
            interrupted: false,
            in_flight_max: 2,
            batch: 1,
            parts: vec![Part::new(Stage::steady(5.0, Duration::from_secs(2)), paced, &tally, tolerated)],
            found,
            tolerated,
        };
        Report::new(facts, &[("http://h".to_owned(), tally)])
    }

    #[test]
    fn what_is_not_tolerated_and_what_is_not_answered_has_failed() {
        assert_eq!(report(&[], None).failed, 3);
        assert_eq!(report(&[Tolerated::Code(ErrorCode::Disabled)], None).failed, 2);
        assert_eq!(report(&[Tolerated::Any], None).failed, 1);
    }

    #[test]
    fn a_bound_is_kept_only_by_a_whole_stage() {
        let good = Part { offered: true, failed: 0, calls: 3, ..report(&[], None).stages.remove(0) };
        assert!(good.keeps(Duration::from_millis(4)));
        assert!(!good.keeps(Duration::from_millis(2)), "the p99 is 3 ms");
        assert!(!Part { calls: 2, ..good }.keeps(Duration::from_secs(1)), "one was not answered");
        let tolerant = report(&[Tolerated::Any], None).stages.remove(0);
        assert!(!tolerant.keeps(Duration::from_secs(1)), "the rate was not offered");
    }

    #[test]
    fn programs_read_times_of_day() {
        let value = serde_json::to_value(report(&[], None)).unwrap();
        assert_eq!((&value["failures"][0]["code"], &value["failures"][0]["first_ms"]), (&"DISABLED".into(), &12_000.into()));
        assert_eq!(value["latency"]["p50_micros"], 3_001, "within three digits of 3 ms: {value}");
        assert_eq!((&value["rate"], &value["found"]), (&5.0.into(), &serde_json::Value::Null));
    }
}
