//! A host's quotas: what they count, and records that go when nobody asks.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use extensions_quota::{QuotaCounts, QuotaSettings, Quotas};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use tokio::{runtime::Handle, time};

/// How often records that nobody asks for are put away: they are kept for a minute anyway.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The quotas of a host, shown in `metrics` and swept by `background` for as long as they are there.
pub(crate) fn quotas(settings: QuotaSettings, metrics: &mut Registry, background: &Handle) -> Arc<Quotas> {
    let quotas = Arc::new(Quotas::new(settings));
    metrics.register_collector(Box::new(Scrape(Arc::clone(&quotas))));
    background.spawn(sweep(Arc::downgrade(&quotas)));
    quotas
}

async fn sweep(quotas: Weak<Quotas>) {
    loop {
        time::sleep(SWEEP_EVERY).await;
        let Some(quotas) = quotas.upgrade() else { return };
        quotas.sweep(Instant::now());
    }
}

#[derive(Debug)]
struct Scrape(Arc<Quotas>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let QuotaCounts { refused, tenants, extensions, shares_heard } = self.0.counts();
        let help = "Calls refused for a quota, and log lines dropped for one, by quota and whose it is";
        let (name, counter) = ("quota_refused", ConstCounter::new(0u64));
        let mut family = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
        for one in refused {
            let labels = [("quota", one.quota.as_str()), ("scope", one.scope.as_str())];
            ConstCounter::new(one.times).encode(family.encode_family(&labels)?)?;
        }
        let mut gauge = |name: &str, help: &str, value: usize| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("quota_tenants", "Tenants whose use of this host is remembered", tenants)?;
        gauge("quota_extensions", "Extensions with a quota of their own whose use is remembered", extensions)?;
        gauge("quota_shares", "Tenants and extensions whose share of the fleet's quota was heard", shares_heard)
    }
}
