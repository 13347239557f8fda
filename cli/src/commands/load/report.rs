//! What a load came to, for people and for programs.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    pace::Paced,
    tally::{Seen, Tally},
};
use crate::args::Tolerated;

/// Everything of one load. Times of day are milliseconds since 1970, of when calls were begun.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) extension: String,
    pub(super) env: String,
    pub(super) rate: f64,
    /// How long it went on.
    pub(super) seconds: f64,
    /// Ended before its time by a signal.
    pub(super) interrupted: bool,
    /// Whether the rate was offered: at most one call in a hundred late or left out.
    pub(super) offered: bool,
    pub(super) due: u64,
    pub(super) begun: u64,
    pub(super) late: u64,
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
    pub(super) fallbacks: std::collections::BTreeMap<String, u64>,
    pub(super) hosts: Vec<PerHost>,
}

#[derive(Debug, Serialize)]
pub(super) struct Latency {
    p50_micros: u64,
    p90_micros: u64,
    p99_micros: u64,
    p99_9_micros: u64,
    max_micros: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Version {
    version: u64,
    #[serde(flatten)]
    span: Span,
}

#[derive(Debug, Serialize)]
pub(super) struct Failures {
    code: &'static str,
    tolerated: bool,
    #[serde(flatten)]
    span: Span,
    example: String,
}

#[derive(Debug, Serialize)]
struct Span {
    calls: u64,
    first_ms: u64,
    last_ms: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct PerHost {
    url: String,
    calls: u64,
    p99_micros: u64,
    versions: Vec<Version>,
    failures: Vec<Failures>,
}

/// What a report is made from, beside the tallies.
#[derive(Debug)]
pub(super) struct Course<'l> {
    pub(super) extension: String,
    pub(super) env: String,
    pub(super) rate: f64,
    /// When the schedule began, on the wall's clock.
    pub(super) began: SystemTime,
    pub(super) took: Duration,
    pub(super) interrupted: bool,
    pub(super) paced: Paced,
    pub(super) tolerated: &'l [Tolerated],
}

impl Report {
    pub(super) fn new(course: Course<'_>, hosts: &[(String, Tally)]) -> Self {
        let mut all = Tally::default();
        hosts.iter().for_each(|(_, tally)| all.add(tally));
        let Course { extension, env, rate, began, took, interrupted, paced, tolerated } = course;
        let per_host = |(url, tally): &(String, Tally)| PerHost {
            url: url.clone(),
            calls: tally.calls(),
            p99_micros: tally.latency.value_at_quantile(0.99),
            versions: versions(tally, began),
            failures: failures(tally, began, tolerated),
        };
        let failures = failures(&all, began, tolerated);
        let unanswered = paced.begun.saturating_sub(all.calls());
        // Who ends a load leaves calls in flight; they have not failed.
        let given_up = if interrupted { 0 } else { unanswered };
        let failed = given_up + failures.iter().filter(|failed| !failed.tolerated).map(|failed| failed.span.calls).sum::<u64>();
        Self {
            seconds: took.as_secs_f64(),
            offered: paced.is_offered(),
            due: paced.due,
            begun: paced.begun,
            late: paced.late,
            unanswered,
            calls: all.calls(),
            failed,
            per_second: all.calls() as f64 / took.as_secs_f64().max(f64::EPSILON),
            latency: Latency::of(&all.latency),
            versions: versions(&all, began),
            failures,
            fallbacks: all.fallbacks.clone(),
            hosts: hosts.iter().map(per_host).collect(),
            extension,
            env,
            rate,
            interrupted,
        }
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50_micros: at(0.5), p90_micros: at(0.9), p99_micros: at(0.99), p99_9_micros: at(0.999), max_micros: histogram.max() }
    }
}

impl Span {
    fn of(seen: &Seen, began: SystemTime) -> Self {
        let of_day = |after: Duration| {
            let moment = (began + after).duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(moment.as_millis()).unwrap_or(u64::MAX)
        };
        Self { calls: seen.calls, first_ms: of_day(seen.first), last_ms: of_day(seen.last) }
    }
}

fn versions(tally: &Tally, began: SystemTime) -> Vec<Version> {
    tally.versions.iter().map(|(version, seen)| Version { version: *version, span: Span::of(seen, began) }).collect()
}

fn failures(tally: &Tally, began: SystemTime, tolerated: &[Tolerated]) -> Vec<Failures> {
    let is_tolerated = |code: &str| {
        tolerated.iter().any(|one| match one {
            Tolerated::Any => true,
            Tolerated::Code(known) => known.as_str() == code,
        })
    };
    let of = |(code, failed): (&&'static str, &super::tally::Failed)| Failures {
        code,
        tolerated: is_tolerated(code),
        span: Span::of(&failed.seen, began),
        example: failed.example.clone(),
    };
    tally.failures.iter().map(of).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.interrupted { ", interrupted" } else { "" };
        writeln!(f, "calls     {} in {:.1} s, {:.0} a second{until}", self.calls, self.seconds, self.per_second)?;
        if !self.offered {
            let left_out = self.due.saturating_sub(self.begun);
            writeln!(f, "          the rate of {} a second was NOT offered: {left_out} calls left out, {} begun late", self.rate, self.late)?;
        }
        writeln!(f, "latency   {}", self.latency)?;
        let versions: Vec<_> = self.versions.iter().map(|one| format!("v{}: {}", one.version, one.span.calls)).collect();
        writeln!(f, "answered  {}", if versions.is_empty() { "by nobody".to_owned() } else { versions.join(" · ") })?;
        for (action, calls) in &self.fallbacks {
            writeln!(f, "          {calls} by the fallback {action}")?;
        }
        write!(f, "failed    {}", self.failed)?;
        for one in &self.failures {
            let tolerated = if one.tolerated { " (tolerated)" } else { "" };
            write!(f, "\n          {} {}{tolerated}: {}", one.span.calls, one.code, one.example)?;
        }
        if self.unanswered > 0 {
            write!(f, "\n          {} not answered when the load ended", self.unanswered)?;
        }
        if let [_, _, ..] = self.hosts[..] {
            for host in &self.hosts {
                write!(f, "\n{}  {} calls, p99 {}", host.url, host.calls, millis(host.p99_micros))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, p99_9, max] = [self.p50_micros, self.p90_micros, self.p99_micros, self.p99_9_micros, self.max_micros].map(millis);
        write!(f, "p50 {p50} · p90 {p90} · p99 {p99} · p99.9 {p99_9} · max {max}")
    }
}

/// Microseconds as people read them.
pub(super) fn millis(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use extensions_client::{InvokeError, Refused};
    use extensions_types::ErrorCode;

    use super::{super::tally::Ended, *};

    fn report(tolerated: &[Tolerated]) -> Report {
        let mut tally = Tally::default();
        for code in [ErrorCode::Disabled, ErrorCode::Overloaded] {
            let refused = Refused { code, message: "no".to_owned(), retry_after: None, correlation: None };
            let result = Err(InvokeError::Refused(Box::new(refused)));
            tally.record(&Ended { begun: Duration::from_secs(2), latency: Duration::from_millis(3), result: &result });
        }
        let course = Course {
            extension: "rule".to_owned(),
            env: "prod".to_owned(),
            rate: 5.0,
            began: UNIX_EPOCH + Duration::from_secs(10),
            took: Duration::from_secs(2),
            interrupted: false,
            paced: Paced { due: 10, begun: 3, late: 0 },
            tolerated,
        };
        Report::new(course, &[("http://h".to_owned(), tally)])
    }

    #[test]
    fn what_is_not_tolerated_and_what_is_not_answered_has_failed() {
        assert_eq!(report(&[]).failed, 3);
        assert_eq!(report(&[Tolerated::Code(ErrorCode::Disabled)]).failed, 2);
        assert_eq!(report(&[Tolerated::Any]).failed, 1);
    }

    #[test]
    fn a_rate_that_was_not_offered_is_said() {
        let text = report(&[]).to_string();
        assert!(text.contains("NOT offered: 7 calls left out"), "{text}");
        assert!(text.contains("1 DISABLED"), "{text}");
    }

    #[test]
    fn programs_read_times_of_day() {
        let value = serde_json::to_value(report(&[])).unwrap();
        assert_eq!((&value["failures"][0]["code"], &value["failures"][0]["first_ms"]), (&"DISABLED".into(), &12_000.into()));
        assert_eq!(value["latency"]["p50_micros"], 3_001, "within three digits of 3 ms: {value}");
    }
}
