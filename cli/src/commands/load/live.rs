//! What is seen while a load goes on, and how it is ended.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::signal::unix::{SignalKind, signal as listen};

use super::{hosts::Host, report::millis, tally::Tally};
use crate::{failure::Failure, say::Meter};

const EVERY: Duration = Duration::from_secs(1);

/// Says every second what came in it, for ever.
pub(super) async fn show(hosts: Vec<Arc<Host>>, start: Instant, meter: Meter) {
    let mut ticks = tokio::time::interval(EVERY);
    // The first one comes at once.
    ticks.tick().await;
    let mut failed = 0;
    loop {
        ticks.tick().await;
        let mut recent = Tally::default();
        for host in &hosts {
            let taken = std::mem::take(&mut host.tallies().recent);
            recent.add(&taken);
        }
        failed += recent.failed();
        meter.say(&line(&recent, start.elapsed(), failed));
    }
}

fn line(recent: &Tally, elapsed: Duration, failed: u64) -> String {
    let at = |quantile| millis(recent.latency.value_at_quantile(quantile));
    let versions: Vec<_> = recent.versions.keys().map(|version| format!("v{version}")).collect();
    format!("{:>4} s  {:>6} a second  p50 {}  p99 {}  {failed} failed  {}", elapsed.as_secs(), recent.calls(), at(0.5), at(0.99), versions.join(" "))
}

/// Comes back with the first Ctrl-C or SIGTERM.
pub(super) async fn signal() -> Result<(), Failure> {
    let wrong = |error| Failure::Local(format!("cannot wait for signals: {error}"));
    let mut terminate = listen(SignalKind::terminate()).map_err(wrong)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(wrong),
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_calls_is_said_too() {
        assert_eq!(line(&Tally::default(), Duration::from_secs(3), 0).trim_end(), "   3 s       0 a second  p50 0.00 ms  p99 0.00 ms  0 failed");
    }
}
