//! What a catalog counts: how changes reach calls, and how far it follows the store.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use extensions_catalog::Catalog as _;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge, histogram::Histogram},
    registry::Registry,
};

use crate::{StoreCatalog, catalog::Inner};

/// From a stored component on the same machine to a compile on a crowded one, in seconds.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// What happened to changes.
#[derive(Debug)]
pub(crate) struct Counts {
    /// From a hint to the moment when calls see its effect.
    hint_to_switch: Histogram,
    /// From a new document to the moment when calls see all of it.
    reload: Histogram,
    switched: AtomicU64,
    failed: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { hint_to_switch: Histogram::new(BUCKETS), reload: Histogram::new(BUCKETS), switched: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }
}

impl Counts {
    /// A change was brought as far as it goes, `took` after its document was read.
    pub(crate) fn settled(&self, is_whole: bool, took: Duration, heard: Option<Duration>) {
        if !is_whole {
            self.failed.fetch_add(1, Relaxed);
            return;
        }
        self.switched.fetch_add(1, Relaxed);
        self.reload.observe(took.as_secs_f64());
        if let Some(heard) = heard {
            self.hint_to_switch.observe(heard.as_secs_f64());
        }
    }
}

/// Registers what `inner` counts.
pub(crate) fn register(inner: &Arc<Inner>, registry: &mut Registry) {
    let registry = registry.sub_registry_with_label(("env".into(), inner.env.as_str().into()));
    let counts = &inner.counts;
    registry.register("catalog_hint_to_switch_seconds", "From a hint to the moment when calls see what it announced", counts.hint_to_switch.clone());
    registry.register("catalog_reload_seconds", "From a new entry to the moment when calls see all of it", counts.reload.clone());
    registry.register_collector(Box::new(Scrape(Arc::downgrade(inner))));
}

/// The registry's way to what is counted elsewhere.
#[derive(Debug)]
struct Scrape(Weak<Inner>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(inner) = self.0.upgrade() else { return Ok(()) };
        let status = StoreCatalog(Arc::clone(&inner)).status();
        let mut gauge = |name, help, value: f64| ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?);
        gauge("catalog_ready", "Whether index and switches are known", f64::from(u8::from(status.ready)))?;
        let reachable = status.store_reachable.unwrap_or_default();
        gauge("catalog_store_reachable", "Whether the store answered when it was last listed", f64::from(u8::from(reachable)))?;
        gauge("catalog_entries", "Extensions in the index", status.entries as f64)?;
        gauge("catalog_entries_read", "Entries in memory", status.entries_read as f64)?;
        gauge("catalog_problems", "Extensions that do not follow the store", status.problems_total as f64)?;
        gauge("catalog_kept", "Extensions of which an older state goes on, since the new one cannot be loaded", status.kept as f64)?;
        gauge("catalog_control_seq", "The last change of control in force", status.control.seq as f64)?;
        if let Some(age) = inner.listed_at().map(|at| at.elapsed()) {
            gauge("catalog_index_age_seconds", "Since the store last gave the whole index", age.as_secs_f64())?;
        }
        if let Some(age) = inner.followed().confirmed.map(|at| at.elapsed()) {
            gauge("catalog_control_age_seconds", "Since the store last confirmed control", age.as_secs_f64())?;
        }
        reloads(&inner.counts, &mut encoder)?;
        hints(&inner, &mut encoder)
    }
}

fn reloads(counts: &Counts, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let name = "catalog_reloads";
    let mut reloads = encoder.encode_descriptor(name, "Changes brought to calls, by how far they came", None, MetricType::Counter)?;
    for (result, count) in [("switched", &counts.switched), ("failed", &counts.failed)] {
        ConstCounter::new(count.load(Relaxed)).encode(reloads.encode_family(&[("result", result)])?)?;
    }
    Ok(())
}

fn hints(inner: &Inner, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counts = &inner.hints.counts;
    let mut hints = encoder.encode_descriptor("catalog_hints", "Hints, by what became of them", None, MetricType::Counter)?;
    let by_end = [("known", &counts.known), ("heeded", &counts.heeded), ("dropped", &counts.dropped), ("absent", &counts.absent)];
    for (end, count) in by_end {
        ConstCounter::new(count.load(Relaxed)).encode(hints.encode_family(&[("end", end)])?)?;
    }
    Ok(())
}
