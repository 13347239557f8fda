//! What a host counts of all its requests: one set of counters for each shard,
//! summed when scraped. Every label is of a closed set.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use extensions_types::{ErrorCode, Kind};

use super::record::Record;

/// From 10 µs, where a small guest ends, to the wall maximum; in nanoseconds.
const BOUNDS_NANOS: [u64; 13] =
    [10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 25_000_000, 100_000_000, 500_000_000, 5_000_000_000, 30_000_000_000];
/// One for each bound, and one beyond.
const BUCKETS: usize = BOUNDS_NANOS.len() + 1;
/// Answered, or one of the codes.
const OUTCOMES: usize = ErrorCode::ALL.len() + 1;

/// A part of a call's time that has a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Wall,
    Queue,
    Instantiate,
    Guest,
    HostCalls,
}

impl Stage {
    pub(super) const ALL: [Self; 5] = [Self::Wall, Self::Queue, Self::Instantiate, Self::Guest, Self::HostCalls];

    /// The name of its histogram and what it says.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Wall => ("invocation_wall", "From acceptance to outcome"),
            Self::Queue => ("invocation_queue", "Waiting: for the body, for a load, for turns"),
            Self::Instantiate => ("invocation_instantiate", "Making a fresh instance"),
            Self::Guest => ("invocation_guest", "In the guest, reading its input and checking its answer"),
            Self::HostCalls => ("invocation_host_calls", "In host calls, of invocations that make some"),
        }
    }
}

/// Durations by size.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl Histogram {
    fn observe(&self, duration: Duration) {
        let nanos = nanos(duration);
        // Most durations are short, so most looks end early.
        let at = BOUNDS_NANOS.iter().position(|&bound| nanos <= bound).unwrap_or(BOUNDS_NANOS.len());
        self.buckets[at].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos, Relaxed);
    }
}

/// Several of them, summed: (bound in seconds, count), the count of all, and their sum in seconds.
pub(super) struct Summed {
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

/// One shard's counts.
#[derive(Debug, Default)]
pub(super) struct Totals {
    ended: [Outcomes; Kind::ALL.len()],
    refused: Outcomes,
    stages: [Histogram; Stage::ALL.len()],
    cpu_nanos: AtomicU64,
    host_calls: AtomicU64,
}

#[derive(Debug)]
struct Outcomes([AtomicU64; OUTCOMES]);

impl Default for Outcomes {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; OUTCOMES])
    }
}

impl Outcomes {
    fn count(&self, code: Option<ErrorCode>) {
        self.0[index(code)].fetch_add(1, Relaxed);
    }

    fn get(&self, code: Option<ErrorCode>) -> u64 {
        self.0[index(code)].load(Relaxed)
    }
}

fn index(code: Option<ErrorCode>) -> usize {
    code.map_or(0, |code| code as usize + 1)
}

impl Totals {
    pub(super) fn add(&self, record: &Record<'_>) {
        let (code, stats) = (record.end.code, &record.stats);
        let ran = record.definition.filter(|_| record.runs > 0);
        let Some(definition) = ran else { return self.refused(code) };
        self.ended[definition.kind as usize].count(code);
        self.cpu_nanos.fetch_add(nanos(stats.cpu), Relaxed);
        for (stage, time) in
            [(Stage::Wall, stats.wall), (Stage::Queue, stats.queue), (Stage::Instantiate, stats.instantiate), (Stage::Guest, stats.guest)]
        {
            self.stages[stage as usize].observe(time);
        }
        if stats.host_calls > 0 {
            self.host_calls.fetch_add(stats.host_calls.into(), Relaxed);
            self.stages[Stage::HostCalls as usize].observe(stats.host_call_time);
        }
    }

    /// A request that no version ran for.
    pub(super) fn refused(&self, code: Option<ErrorCode>) {
        self.refused.count(code);
    }
}

/// Sums over all shards.
#[derive(Debug)]
pub(super) struct Sum<'s>(pub(super) Vec<&'s Totals>);

impl Sum<'_> {
    fn sum(&self, of: impl Fn(&Totals) -> u64) -> u64 {
        self.0.iter().map(|totals| of(totals)).sum()
    }

    pub(super) fn ended(&self, kind: Kind, code: Option<ErrorCode>) -> u64 {
        self.sum(|totals| totals.ended[kind as usize].get(code))
    }

    pub(super) fn refused(&self, code: ErrorCode) -> u64 {
        self.sum(|totals| totals.refused.get(Some(code)))
    }

    pub(super) fn host_calls(&self) -> u64 {
        self.sum(|totals| totals.host_calls.load(Relaxed))
    }

    /// In microseconds; no call's own fraction is lost.
    pub(super) fn cpu_micros(&self) -> u64 {
        self.sum(|totals| totals.cpu_nanos.load(Relaxed)) / 1_000
    }

    pub(super) fn stage(&self, stage: Stage) -> Summed {
        let counts = |at: usize| self.sum(|totals| totals.stages[stage as usize].buckets[at].load(Relaxed));
        let bounds = BOUNDS_NANOS.iter().map(|&nanos| seconds(nanos)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.enumerate().map(|(at, bound)| (bound, counts(at))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Summed { buckets, count, sum: seconds(self.sum(|totals| totals.stages[stage as usize].sum_nanos.load(Relaxed))) }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}
