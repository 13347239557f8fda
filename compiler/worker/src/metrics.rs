//! What a worker counts.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// From an answer out of the cache to a build that meets its limit.
const SECONDS: [f64; 9] = [0.05, 0.25, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0, 600.0];

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    Compiled,
    Failed,
    Unavailable,
    Denied,
    GivenBack,
    LeaseLost,
    NotDelivered,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

/// A worker's counters.
#[derive(Debug, Clone)]
pub struct Metrics {
    jobs: Family<Labels, Counter>,
    seconds: Histogram,
    pub(crate) running: Gauge,
    pub(crate) hints: Counter,
    pub(crate) left_by_a_crash: Counter,
    pub(crate) registry_failures: Counter,
}

impl Metrics {
    /// Registers them.
    pub fn new(shown: &mut Registry) -> Self {
        let new = Self {
            jobs: Family::default(),
            seconds: Histogram::new(SECONDS),
            running: Gauge::default(),
            hints: Counter::default(),
            left_by_a_crash: Counter::default(),
            registry_failures: Counter::default(),
        };
        shown.register("compile_jobs", "Jobs by how they ended", new.jobs.clone());
        shown.register("compile_job_seconds", "From claim to result", new.seconds.clone());
        shown.register("compile_jobs_running", "Jobs under way", new.running.clone());
        shown.register("compile_hints", "Hints that were taken", new.hints.clone());
        shown.register("compile_jobs_left_by_a_crash", "Jobs that were under way when an earlier worker ended", new.left_by_a_crash.clone());
        shown.register("compile_registry_failures", "Requests that the registry did not answer", new.registry_failures.clone());
        new
    }

    pub(crate) fn ended(&self, outcome: Outcome, took: Duration) {
        self.jobs.get_or_create(&Labels { outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}
