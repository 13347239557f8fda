//! What a signer tells about itself.

use extensions_types::{Environment, SignerAccount};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, String); 2];

/// Counters of a signer. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    signed: Family<One, Counter>,
    failures: Family<One, Counter>,
    replaced: Counter,
    served: Family<Two, Gauge>,
    ready: Family<Two, Gauge>,
}

impl Metrics {
    /// Counters that `registry` shows.
    #[must_use]
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("signer_codes_signed", "Components compiled and signed, by profile", metrics.signed.clone());
        registry.register("signer_failures", "Components that gave no code: refused ones never will", metrics.failures.clone());
        registry.register("signer_codes_replaced", "Stored objects that did not carry this key's signature", metrics.replaced.clone());
        registry.register("signer_components_served", "Components that an environment serves", metrics.served.clone());
        registry.register("signer_components_ready", "Of these, with signed code in the environment's store", metrics.ready.clone());
        metrics
    }

    pub(crate) fn signed(&self, profile: &'static str) {
        self.signed.get_or_create(&[("profile", profile)]).inc();
    }

    pub(crate) fn failed(&self, kind: &'static str) {
        self.failures.get_or_create(&[("kind", kind)]).inc();
    }

    pub(crate) fn replaced(&self) {
        self.replaced.inc();
    }

    pub(crate) fn covered(&self, account: &SignerAccount) {
        for (env, coverage) in &account.environments {
            let labels = || [("env", Environment::to_string(env)), ("profile", account.profile.clone())];
            self.served.get_or_create(&labels()).set(i64::try_from(coverage.served).unwrap_or(i64::MAX));
            self.ready.get_or_create(&labels()).set(i64::try_from(coverage.ready).unwrap_or(i64::MAX));
        }
    }
}
