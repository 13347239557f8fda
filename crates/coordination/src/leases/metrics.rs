//! What a host counts of its leases.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

#[derive(Debug, Default)]
pub(super) struct Metrics {
    renewed: Counter,
    failed: Counter,
    left: Counter,
    held: Gauge,
}

impl Metrics {
    pub(super) fn show(&self, registry: &mut Registry) {
        registry.register("quota_leases_renewed", "Shares of fleet-wide quotas renewed in Redis", self.renewed.clone());
        registry.register("quota_leases_failed", "Renewals that Redis did not do: the last shares hold", self.failed.clone());
        registry.register("quota_leases_left", "Claims that a renewal left out, beyond its bounds or its time", self.left.clone());
        registry.register("quota_leases_held", "Shares of fleet-wide quotas that this host holds", self.held.clone());
    }

    pub(super) fn renewed(&self, count: usize, left: usize, held: usize) {
        self.renewed.inc_by(count as u64);
        self.left.inc_by(left as u64);
        self.held.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }
}
