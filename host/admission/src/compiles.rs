//! Who pays for compiling: the tenant whose version it is, as for its calls.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_catalog::Catalogs;
use extensions_modules::Payer;
use extensions_quota::{Asked, Quotas};
use extensions_types::ExtensionDefinition;

use crate::Accounts;

/// Bills the CPU time of compile children to the tenants' quotas and figures.
///
/// A compile is refused nothing: its tenant's next calls wait for what it took,
/// as after a call that took more than was left. Code that was compiled for one
/// environment counts for the host's own.
#[derive(Debug)]
pub struct Compiles {
    /// Says what limits the tenants have.
    pub catalogs: Catalogs,
    /// Where the time is taken from.
    pub quotas: Arc<Quotas>,
    /// Where it is counted.
    pub accounts: Arc<Accounts>,
}

impl Payer for Compiles {
    fn compiled(&self, definition: &ExtensionDefinition, cpu: Duration) {
        self.accounts.compiled(definition, cpu);
        let (env, tenant, extension) = (self.catalogs.own(), &definition.tenant_id, &definition.id);
        let Some(catalog) = self.catalogs.get(env) else { return };
        let allowance = catalog.allowance(tenant, extension);
        let asked = Asked { env, tenant, extension, limits: allowance.quota, weight: allowance.weight, memory_bytes: 0, now: Instant::now() };
        self.quotas.gate(&asked, 0).charge(cpu);
    }
}

#[cfg(test)]
mod tests {
    use extensions_catalog::{Allowance, Catalog as _, Overlay};
    use extensions_types::{EffectiveQuota, Environment, QuotaLimits};
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::{MetricsSettings, accounts::testing::definition};

    #[test]
    fn who_has_no_limit_owes_nothing() {
        let (quotas, overlay) = (Arc::new(Quotas::new(extensions_quota::QuotaSettings::default())), Arc::new(Overlay::default()));
        let accounts = Accounts::new(&mut Registry::default(), Arc::default(), &MetricsSettings::default()).unwrap();
        let rule = definition("acme", "rule");
        assert_eq!(overlay.allowance(&rule.tenant_id, &rule.id), Allowance::default());
        let compiles = Compiles { catalogs: Catalogs::of(Environment::Dev, overlay), quotas: Arc::clone(&quotas), accounts };
        compiles.compiled(&rule, Duration::from_secs(9));
        let limits = EffectiveQuota { tenant: QuotaLimits { cpu_ms_per_s: Some(1), ..QuotaLimits::default() }, ..EffectiveQuota::default() };
        let usage = quotas.usage(Environment::Dev, &rule.tenant_id, &rule.id, &limits, Instant::now()).unwrap();
        assert_eq!(usage.tenant.cpu_ms_left, Some(1), "a record without limits keeps no debts, and can be put away");
    }
}
