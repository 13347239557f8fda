//! A load's report, as people read it.

use std::fmt;

use super::report::{Found, Latency, Part, Report, millis};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = if self.interrupted { ", interrupted" } else { "" };
        let batches = if self.batch > 1 { format!(" with {} inputs each", self.batch) } else { String::new() };
        writeln!(f, "calls     {}{batches} in {:.1} s, {:.0} a second{until}", self.calls, self.seconds, self.per_second)?;
        if let Some(problem) = self.not_offered() {
            writeln!(f, "          {problem}")?;
        }
        writeln!(f, "latency   {}{}", self.latency, self.failed_among_them())?;
        let versions: Vec<_> = self.versions.iter().map(|one| format!("v{}: {}", one.version, one.span.calls)).collect();
        writeln!(f, "answered  {}", if versions.is_empty() { "by nobody".to_owned() } else { versions.join(" · ") })?;
        for (action, calls) in &self.fallbacks {
            writeln!(f, "          {calls} by the fallback {action}")?;
        }
        self.failures(f)?;
        if let [_, _, ..] = self.stages[..] {
            for (at, part) in self.stages.iter().enumerate() {
                write!(f, "\n{}{part}", if at == 0 { "stages    " } else { "          " })?;
            }
        }
        if let [_, _, ..] = self.hosts[..] {
            for host in &self.hosts {
                write!(f, "\n{}  {} calls, p99 {}", host.url, host.calls, millis(host.p99_micros))?;
            }
        }
        match &self.found {
            Some(found) => write!(f, "\nfound     {found}"),
            None => Ok(()),
        }
    }
}

impl Report {
    /// In words, and with what to do; nothing where the rate was offered.
    pub(super) fn not_offered(&self) -> Option<String> {
        // A search looks for the rate that cannot be offered; its steps say where that was.
        if self.offered || self.found.is_some() {
            return None;
        }
        let left_out = self.due.saturating_sub(self.begun);
        let why = if self.waited > 0 || self.begun.saturating_sub(self.calls) >= self.in_flight_max as u64 {
            format!("all {} places in flight were taken: the hosts answer too slowly, or need more --connections", self.in_flight_max)
        } else {
            "places in flight were free, so this client was too slow: take a lower rate, a freer machine, or several clients".to_owned()
        };
        Some(format!("the rate of {:.0} a second was NOT offered: {left_out} calls left out, {} begun late; {why}", self.rate, self.late))
    }

    /// Whose latencies are not those of answers; nothing where all calls that ended were answered.
    fn failed_among_them(&self) -> String {
        let failed: u64 = self.failures.iter().filter(|one| !one.tolerated).map(|one| one.span.calls).sum();
        let what = if self.batch > 1 { "inputs" } else { "calls" };
        if failed > 0 { format!(" ({failed} failed {what} among them)") } else { String::new() }
    }

    fn failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed    {}", self.failed)?;
        for one in &self.failures {
            let tolerated = if one.tolerated { " (tolerated)" } else { "" };
            write!(f, "\n          {} {}{tolerated}: {}", one.span.calls, one.code, one.example)?;
        }
        if self.unanswered > 0 {
            write!(f, "\n          {} not answered when the load ended", self.unanswered)?;
        }
        Ok(())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steady = (self.from - self.to).abs() < f64::EPSILON;
        let rate = if steady { format!("{:.0}", self.to) } else { format!("{:.0}..{:.0}", self.from, self.to) };
        let Latency { p50_micros, p99_micros, p99_9_micros, .. } = self.latency;
        let [p50, p99, p99_9] = [p50_micros, p99_micros, p99_9_micros].map(millis);
        write!(f, "{rate:>13} a second  p50 {p50}  p99 {p99}  p99.9 {p99_9}")?;
        if self.failed > 0 {
            write!(f, "  {} failed", self.failed)?;
        }
        if !self.offered {
            write!(f, "  not offered ({} left out, {} late)", self.due.saturating_sub(self.begun), self.late)?;
        }
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = millis(self.p99_bound_micros);
        match (self.rate, self.limit_found) {
            (Some(rate), true) => write!(f, "{rate:.0} a second is the highest rate that kept p99 within {bound}"),
            (Some(rate), false) => {
                write!(f, "at least {rate:.0} a second kept p99 within {bound}; the search was ended before it found one that does not")
            }
            (None, true) => write!(f, "no rate kept p99 within {bound} with every call offered in time and answered"),
            (None, false) => write!(f, "nothing about p99 within {bound}: the search was ended before its first step was whole"),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, p99_9, max] = [self.p50_micros, self.p90_micros, self.p99_micros, self.p99_9_micros, self.max_micros].map(millis);
        write!(f, "p50 {p50} · p90 {p90} · p99 {p99} · p99.9 {p99_9} · max {max}")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::report, *};
    use crate::args::Tolerated;

    #[test]
    fn a_rate_that_was_not_offered_is_said_with_the_reason() {
        let text = report(&[], None).to_string();
        assert!(text.contains("5 a second was NOT offered: 7 calls left out, 0 begun late; all 2 places"), "{text}");
        assert!(text.contains("1 DISABLED"), "{text}");
        let slow_client = Report { waited: 0, ..report(&[], None) };
        assert!(slow_client.to_string().contains("this client was too slow"), "{slow_client}");
    }

    #[test]
    fn a_search_says_what_it_found_and_each_step() {
        let found = |rate| Some(Found { p99_bound_micros: 5_000, rate, limit_found: true });
        let mut whole = report(&[], found(Some(2_400.0)));
        whole.stages.extend(report(&[], None).stages);
        let text = whole.to_string();
        assert!(text.contains("found     2400 a second is the highest rate that kept p99 within 5.00 ms"), "{text}");
        assert!(!text.contains("NOT offered") && text.contains("not offered (7 left out, 0 late)"), "{text}");
        assert!(report(&[], found(None)).to_string().contains("no rate kept p99 within 5.00 ms"));
    }

    #[test]
    fn a_search_that_was_ended_claims_no_more_than_it_knows() {
        let ended = |rate| Found { p99_bound_micros: 5_000, rate, limit_found: false };
        let text = ended(Some(2_400.0)).to_string();
        assert!(text.starts_with("at least 2400 a second kept p99 within 5.00 ms; ") && !text.contains("highest"), "{text}");
        assert!(ended(None).to_string().starts_with("nothing about p99 within 5.00 ms"));
        assert_eq!(serde_json::to_value(ended(Some(1.0))).unwrap()["limit_found"], false);
    }

    #[test]
    fn latencies_of_failed_calls_are_said_to_be_among_them() {
        let text = report(&[], None).to_string();
        assert!(text.contains("max 3.00 ms (2 failed calls among them)\n"), "{text}");
        let tolerated = report(&[Tolerated::Any], None).to_string();
        assert!(!tolerated.contains("among them"), "{tolerated}");
        let batches = Report { batch: 2, ..report(&[], None) }.to_string();
        assert!(batches.contains("(2 failed inputs among them)"), "{batches}");
    }
}
