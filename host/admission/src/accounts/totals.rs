//! What a host counts of all its requests: one set of figures for each shard,
//! added up when scraped. Every label is of a closed set.

use std::{ops::AddAssign, time::Duration};

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
#[derive(Debug, Clone, Copy, Default)]
struct Histogram {
    buckets: [u64; BUCKETS],
    sum_nanos: u64,
}

impl Histogram {
    fn observe(&mut self, duration: Duration) {
        let nanos = nanos(duration);
        // Most durations are short, so most looks end early.
        let at = BOUNDS_NANOS.iter().position(|&bound| nanos <= bound).unwrap_or(BOUNDS_NANOS.len());
        self.buckets[at] += 1;
        self.sum_nanos += nanos;
    }
}

/// One of them as it is shown: (bound in seconds, count), the count of all, and their sum in seconds.
pub(super) struct Shown {
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

/// Figures of some requests.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    ended: [[u64; OUTCOMES]; Kind::ALL.len()],
    refused: [u64; OUTCOMES],
    stages: [Histogram; Stage::ALL.len()],
    cpu_nanos: u64,
    host_calls: u64,
}

impl Default for Totals {
    fn default() -> Self {
        let (ended, refused) = ([[0; OUTCOMES]; Kind::ALL.len()], [0; OUTCOMES]);
        Self { ended, refused, stages: Default::default(), cpu_nanos: 0, host_calls: 0 }
    }
}

impl AddAssign<&Self> for Totals {
    fn add_assign(&mut self, more: &Self) {
        let add = |counts: &mut [u64], more: &[u64]| counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        self.ended.iter_mut().zip(&more.ended).for_each(|(kind, more)| add(kind, more));
        add(&mut self.refused, &more.refused);
        for (stage, more) in self.stages.iter_mut().zip(&more.stages) {
            add(&mut stage.buckets, &more.buckets);
            stage.sum_nanos += more.sum_nanos;
        }
        self.cpu_nanos += more.cpu_nanos;
        self.host_calls += more.host_calls;
    }
}

fn index(code: Option<ErrorCode>) -> usize {
    code.map_or(0, |code| code as usize + 1)
}

impl Totals {
    pub(super) fn add(&mut self, record: &Record<'_>) {
        let (code, stats) = (record.end.code, &record.stats);
        let ran = record.definition.filter(|_| record.runs > 0);
        let Some(definition) = ran else { return self.add_refused(code) };
        self.ended[definition.kind as usize][index(code)] += 1;
        self.cpu_nanos += nanos(stats.cpu);
        for (stage, time) in
            [(Stage::Wall, stats.wall), (Stage::Queue, stats.queue), (Stage::Instantiate, stats.instantiate), (Stage::Guest, stats.guest)]
        {
            self.stages[stage as usize].observe(time);
        }
        if stats.host_calls > 0 {
            self.host_calls += u64::from(stats.host_calls);
            self.stages[Stage::HostCalls as usize].observe(stats.host_call_time);
        }
    }

    /// A request that no version ran for.
    pub(super) fn add_refused(&mut self, code: Option<ErrorCode>) {
        self.refused[index(code)] += 1;
    }

    pub(super) fn ended(&self, kind: Kind, code: Option<ErrorCode>) -> u64 {
        self.ended[kind as usize][index(code)]
    }

    pub(super) fn refused(&self, code: ErrorCode) -> u64 {
        self.refused[index(Some(code))]
    }

    pub(super) fn host_calls(&self) -> u64 {
        self.host_calls
    }

    /// In microseconds; no call's own fraction is lost.
    pub(super) fn cpu_micros(&self) -> u64 {
        self.cpu_nanos / 1_000
    }

    pub(super) fn stage(&self, stage: Stage) -> Shown {
        let histogram = &self.stages[stage as usize];
        let bounds = BOUNDS_NANOS.iter().map(|&nanos| seconds(nanos)).chain([f64::INFINITY]);
        Shown { buckets: bounds.zip(histogram.buckets).collect(), count: histogram.buckets.iter().sum(), sum: seconds(histogram.sum_nanos) }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}
