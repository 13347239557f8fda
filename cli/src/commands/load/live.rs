//! What is seen while a load goes on, and how it is ended.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{SignalKind, signal as listen},
    sync::oneshot,
};

use super::{
    hdr::{Interval, Log},
    hosts::Host,
    pace::Course,
    report::millis,
    tally::Tally,
};
use crate::{failure::Failure, say::Meter};

const EVERY: Duration = Duration::from_secs(1);

/// Whoever looks on: says every second what came in it, and writes it down.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) hosts: Vec<Arc<Host>>,
    pub(super) course: Arc<Course>,
    pub(super) start: Instant,
    pub(super) meter: Meter,
    pub(super) log: Option<Log>,
}

/// What one look saw.
#[derive(Debug)]
struct Look<'t> {
    at: Duration,
    took: Duration,
    /// Calls a second that are asked for.
    asked: f64,
    in_flight: usize,
    /// Since the load began.
    failed: u64,
    recent: &'t Tally,
}

impl Live {
    /// Goes on until `end` says so or is gone, and then looks once more.
    pub(super) async fn run(mut self, mut end: oneshot::Receiver<()>) -> Result<(), String> {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::from_std(self.start) + EVERY, EVERY);
        let (mut failed, mut looked) = (0, Duration::ZERO);
        loop {
            let is_over = tokio::select! {
                _ = ticks.tick() => false,
                _ = &mut end => true,
            };
            let at = self.start.elapsed();
            let recent = self.recent();
            failed += recent.failed();
            let look =
                Look { at, took: at - looked, asked: self.course.now.rate(), in_flight: self.course.slots.in_flight(), failed, recent: &recent };
            self.meter.say(&line(&look));
            if let Some(log) = &self.log {
                log.add(Interval { start: looked, length: at - looked, latency: recent.latency }).await;
            }
            looked = at;
            if is_over {
                return match self.log.take() {
                    Some(log) => log.close().await,
                    None => Ok(()),
                };
            }
        }
    }

    /// What came since the last look.
    fn recent(&self) -> Tally {
        let mut recent = Tally::default();
        for host in &self.hosts {
            recent.add(&host.take_recent());
        }
        recent
    }
}

fn line(look: &Look<'_>) -> String {
    let Look { at, took, asked, in_flight, failed, recent } = look;
    let quantile = |quantile| millis(recent.latency.value_at_quantile(quantile));
    let versions: Vec<_> = recent.versions.keys().map(|version| format!("v{version}")).collect();
    let rate = recent.calls() as f64 / took.as_secs_f64().max(f64::EPSILON);
    format!(
        "{:>4} s  {rate:>6.0} of {asked:.0} a second  p50 {}  p99 {}  p99.9 {}  max {}  {in_flight} in flight  {failed} failed  {}",
        at.as_secs(),
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        millis(recent.latency.max()),
        versions.join(" ")
    )
}

/// Stops `course` with the first Ctrl-C or SIGTERM from now on.
pub(super) fn stop_when_asked(course: &Arc<Course>) -> Result<(), Failure> {
    let wrong = |error| Failure::Local(format!("cannot wait for signals: {error}"));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt()).map_err(wrong)?, listen(SignalKind::terminate()).map_err(wrong)?);
    let course = Arc::clone(course);
    // It ends with the program: a load is its last act.
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        course.stop.store(true, Ordering::Relaxed);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_calls_is_said_too() {
        let second = Duration::from_secs(1);
        let look = Look { at: second * 3, took: second, asked: 50.0, in_flight: 7, failed: 0, recent: &Tally::default() };
        let zero = "0.00 ms";
        let expected = format!("   3 s       0 of 50 a second  p50 {zero}  p99 {zero}  p99.9 {zero}  max {zero}  7 in flight  0 failed");
        assert_eq!(line(&look).trim_end(), expected);
    }
}
