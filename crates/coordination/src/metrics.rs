//! What is counted: the connection, what was said, what was heard and dropped.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Why something heard was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Dropped {
    /// Longer than any of ours.
    TooLong,
    /// Not of our form.
    Malformed,
    /// No MAC, or a wrong one.
    Unauthenticated,
    /// More than are looked at; one look at everything stands for them.
    Flood,
    /// The same as just before.
    Repeated,
}

/// Whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
    Done,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Done {
    outcome: Outcome,
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    connected: Gauge,
    lost: Counter,
    announced: Family<Done, Counter>,
    heartbeats: Family<Done, Counter>,
    heard: Counter,
    dropped: Family<Reason, Counter>,
    reconnected: Counter,
    forged: Family<Reason, Counter>,
}

impl Metrics {
    pub(crate) fn show(&self, registry: &mut Registry) {
        registry.register("redis_connected", "1 while Redis answers", self.connected.clone());
        registry.register("redis_connections_lost", "Times that the connection to Redis was lost", self.lost.clone());
        registry.register("redis_announced", "Changes announced, by outcome", self.announced.clone());
        registry.register("redis_heartbeats", "Heartbeats said, by outcome", self.heartbeats.clone());
        registry.register("redis_heard", "Changes heard and taken", self.heard.clone());
        registry.register("redis_dropped", "Messages heard and not taken, by reason", self.dropped.clone());
        registry.register("redis_looked_at_everything", "Times that something may have been missed", self.reconnected.clone());
        registry.register("redis_heartbeats_refused", "Heartbeats of others that were not believed, by reason", self.forged.clone());
    }

    pub(crate) fn connected(&self, now: bool) {
        if self.connected.set(i64::from(now)) > i64::from(now) {
            self.lost.inc();
        }
    }

    pub(crate) fn announced(&self, done: bool) {
        self.announced.get_or_create(&outcome(done)).inc();
    }

    pub(crate) fn beat(&self, done: bool) {
        self.heartbeats.get_or_create(&outcome(done)).inc();
    }

    pub(crate) fn heard(&self) {
        self.heard.inc();
    }

    pub(crate) fn dropped(&self, reason: Dropped) {
        self.dropped.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn reconnected(&self) {
        self.reconnected.inc();
    }

    pub(crate) fn forged(&self, reason: Dropped) {
        self.forged.get_or_create(&Reason { reason }).inc();
    }
}

fn outcome(done: bool) -> Done {
    Done { outcome: if done { Outcome::Done } else { Outcome::Failed } }
}
