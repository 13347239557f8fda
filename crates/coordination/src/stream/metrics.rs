//! What is counted of the stream, by whoever fills it and by whoever reads it.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Offered, Tended};

/// Where an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Source {
    /// Nobody had it before.
    New,
    /// Its reader did not bring it to an end.
    Left,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct As {
    outcome: Offered,
}

/// Counters and gauges of one stream in one program.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    offered: Family<As, Counter>,
    readers: Gauge,
    waiting: Gauge,
    in_hand: Gauge,
    aside: Gauge,
    taken: Family<Of, Counter>,
    dropped: Counter,
    set_aside: Counter,
    failed: Counter,
}

impl Metrics {
    pub(super) fn show_filling(&self, registry: &mut Registry) {
        registry.register("compile_stream_offered", "Compile jobs offered to the stream, by what became of them", self.offered.clone());
        registry.register("compile_stream_readers", "Workers that read the stream", self.readers.clone());
        registry.register("compile_stream_waiting", "Entries of the stream that nobody has taken", self.waiting.clone());
        registry.register("compile_stream_in_hand", "Entries of the stream that workers have taken", self.in_hand.clone());
        registry.register("compile_stream_aside", "Entries that were set aside, as far as they are kept", self.aside.clone());
        self.show_failures(registry);
    }

    pub(super) fn show_reading(&self, registry: &mut Registry) {
        registry.register("compile_stream_taken", "Entries taken from the stream, new ones and those that others left", self.taken.clone());
        registry.register("compile_stream_dropped", "Entries of the stream that were no jobs", self.dropped.clone());
        registry.register("compile_stream_set_aside", "Entries set aside because they were taken too often", self.set_aside.clone());
        self.show_failures(registry);
    }

    fn show_failures(&self, registry: &mut Registry) {
        registry.register("compile_stream_failures", "Operations on the stream that Redis did not do", self.failed.clone());
    }

    pub(super) fn offered(&self, outcome: Offered) {
        self.offered.get_or_create(&As { outcome }).inc();
    }

    pub(super) fn tended(&self, now: &Tended) {
        for (gauge, count) in [(&self.readers, now.readers), (&self.waiting, now.waiting), (&self.in_hand, now.in_hand), (&self.aside, now.aside)] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(super) fn taken(&self, deliveries: u64) {
        let source = if deliveries > 1 { Source::Left } else { Source::New };
        self.taken.get_or_create(&Of { source }).inc();
    }

    pub(super) fn put_away(&self, dropped: u64, set_aside: u64) {
        self.dropped.inc_by(dropped);
        self.set_aside.inc_by(set_aside);
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }
}
