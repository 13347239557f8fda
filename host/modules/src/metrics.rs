//! What loads tell about themselves.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{gate::Gate, shelf::Shelf};

type Labels = [(&'static str, &'static str); 1];

/// Where the code of a load came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This host's own cache on disk.
    Cache,
    /// Another compiled and signed it.
    Shared,
    /// This host compiled it.
    Compiled,
}

impl Source {
    const fn word(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Shared => "shared",
            Self::Compiled => "compiled",
        }
    }
}

/// Counters of one host's loads. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    codes: Family<Labels, Counter>,
    not_shared: Family<Labels, Counter>,
    compile_seconds: Histogram,
    compile_cpu_seconds: Counter<f64, AtomicU64>,
    evicted: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        // From 10 ms to 80 s: beyond lies the child's own limit.
        let compile_seconds = Histogram::new(exponential_buckets(0.01, 2.0, 14));
        Self {
            codes: Family::default(),
            not_shared: Family::default(),
            compile_seconds,
            compile_cpu_seconds: Counter::default(),
            evicted: Counter::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn code_from(&self, source: Source) {
        self.codes.get_or_create(&[("source", source.word())]).inc();
    }

    pub(crate) fn not_shared(&self, why: &'static str) {
        self.not_shared.get_or_create(&[("reason", why)]).inc();
    }

    pub(crate) fn compiled(&self, within: Duration) {
        self.compile_seconds.observe(within.as_secs_f64());
    }

    /// What a child used, whatever it came to.
    pub(crate) fn used(&self, cpu: Duration) {
        self.compile_cpu_seconds.inc_by(cpu.as_secs_f64());
    }

    pub(crate) fn evicted(&self, versions: usize) {
        self.evicted.inc_by(versions as u64);
    }

    pub(crate) fn register(&self, registry: &mut Registry, compiles: Gate, shelf: Arc<Shelf>) {
        registry.register("codes_loaded", "Machine code mapped, by where it came from", self.codes.clone());
        registry.register("shared_code_unused", "Looks for shared code that gave none, by reason", self.not_shared.clone());
        registry.register("compile_seconds", "Time of this host's own compiles", self.compile_seconds.clone());
        registry.register("compile_cpu_seconds", "CPU of this host's compile children", self.compile_cpu_seconds.clone());
        registry.register("versions_evicted", "Loaded versions that made room for others", self.evicted.clone());
        registry.register_collector(Box::new(Crowd(compiles)));
        registry.register_collector(Box::new(Loaded(shelf)));
    }

    #[cfg(test)]
    pub(crate) fn seen(&self, source: Source) -> u64 {
        self.codes.get_or_create(&[("source", source.word())]).get()
    }

    #[cfg(test)]
    pub(crate) fn unused(&self, why: &'static str) -> u64 {
        self.not_shared.get_or_create(&[("reason", why)]).get()
    }
}

/// Who compiles and who waits, at the moment of asking.
#[derive(Debug)]
struct Crowd(Gate);

impl Collector for Crowd {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (waiting, running) = self.0.crowd();
        for (name, help, count) in
            [("compiles_waiting", "Loads that wait for their compile", waiting), ("compiles_running", "Loads that are compiled now", running)]
        {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// How much is loaded, at the moment of asking.
#[derive(Debug)]
struct Loaded(Arc<Shelf>);

impl Collector for Loaded {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let versions = ConstGauge::new(i64::try_from(self.0.len()).unwrap_or(i64::MAX));
        versions.encode(encoder.encode_descriptor("versions_loaded", "Versions whose code is mapped", None, versions.metric_type())?)?;
        let fullness = ConstGauge::new(self.0.fullness());
        let help = "Part of what loaded versions may take of mappings, open files and memory";
        fullness.encode(encoder.encode_descriptor("versions_loaded_fullness", help, None, fullness.metric_type())?)
    }
}
