//! Quotas whose time is what the test says.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_quota::{Asked, Limited, OverQuota, Permit, QuotaSettings, Quotas, Usage};
use extensions_types::{EffectiveQuota, Environment, ExtensionId, QuotaLimits, TenantId, Weight};

pub(crate) const ENV: Environment = Environment::Prod;
pub(crate) const NONE: QuotaLimits =
    QuotaLimits { concurrency: None, rate_per_s: None, burst: None, cpu_ms_per_s: None, memory_mb: None, log_kb_per_s: None };
pub(crate) const MB: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) quotas: Quotas,
    pub(crate) began: Instant,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::of_hosts(1)
    }

    pub(crate) fn of_hosts(hosts: u32) -> Self {
        let began = Instant::now();
        Self { quotas: Quotas::beginning(QuotaSettings { hosts }, began), began }
    }

    /// The moment so long after the beginning.
    pub(crate) fn at(&self, after: Duration) -> Instant {
        self.began + after
    }

    pub(crate) fn ask(&self, extension: &str, limits: EffectiveQuota, memory_mb: u64, after: Duration) -> Result<Arc<Permit>, OverQuota> {
        self.ask_for("acme", extension, limits, memory_mb, after)
    }

    pub(crate) fn ask_for(
        &self,
        tenant: &str,
        extension: &str,
        limits: EffectiveQuota,
        memory_mb: u64,
        after: Duration,
    ) -> Result<Arc<Permit>, OverQuota> {
        let (tenant, extension) = (tenant_id(tenant), extension_id(extension));
        let asked = Asked {
            env: ENV,
            tenant: &tenant,
            extension: &extension,
            limits,
            weight: Weight::DEFAULT,
            memory_bytes: memory_mb * MB,
            now: self.at(after),
        };
        self.quotas.admit(&asked)
    }

    /// What acme and an extension of it use.
    pub(crate) fn usage(&self, extension: &str) -> Usage {
        self.quotas.usage(ENV, &tenant_id("acme"), &extension_id(extension), &of_tenant(NONE), self.began).unwrap_or_default()
    }

    /// Calls that are let in at one moment, each gone at once.
    pub(crate) fn passes(&self, limits: EffectiveQuota, after: Duration) -> u32 {
        u32::try_from((0..100_000).take_while(|_| self.ask("x", limits, 1, after).is_ok()).count()).unwrap()
    }
}

pub(crate) fn tenant_id(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

pub(crate) fn extension_id(text: &str) -> ExtensionId {
    ExtensionId::parse(text).unwrap()
}

pub(crate) fn of_tenant(tenant: QuotaLimits) -> EffectiveQuota {
    EffectiveQuota { tenant, extension: NONE }
}

pub(crate) fn quota(refused: Result<Arc<Permit>, OverQuota>) -> Limited {
    refused.unwrap_err().quota
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
