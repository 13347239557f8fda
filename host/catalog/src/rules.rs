//! An environment's control as a host holds it: switches to be asked at each
//! call, and what is set beside them.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use extensions_types::{
    CauseSet, ControlScope, ControlState, EffectiveQuota, ExtensionDefinition, ExtensionId, HostCallName, Policy, QuotaLimits, Ruling, TenantId,
    Tightening, Weight,
};
use serde::Serialize;

use crate::{Off, Switches};

/// One state of control, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    number: u64,
    state: ControlState,
    switches: Switches,
    environment: QuotaLimits,
    /// What no contract of the environment answers for.
    denied: CauseSet,
    tenants: HashMap<TenantId, OfTenant>,
}

/// What is set for one tenant.
#[derive(Debug, Default)]
struct OfTenant {
    quota: QuotaLimits,
    weight: Option<Weight>,
    denied: CauseSet,
    extensions: HashMap<ExtensionId, OfExtension>,
}

/// What is set for one extension.
#[derive(Debug, Default)]
struct OfExtension {
    quota: QuotaLimits,
    denied: CauseSet,
}

/// How much a tenant and one of its extensions may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// The limits of both.
    pub quota: EffectiveQuota,
    /// The tenant's share of what is scarce.
    pub weight: Weight,
}

/// How much of each kind is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    /// Targets forced off, by source.
    pub switches: usize,
    /// Limits.
    pub quotas: usize,
    /// Shares.
    pub weights: usize,
    /// Policies of host calls.
    pub policies: usize,
    /// Tightenings of failure contracts.
    pub tightenings: usize,
}

/// What control says of one extension.
#[derive(Debug, Clone, Serialize)]
pub struct Effective<'r> {
    /// How much its tenant and it may use.
    pub quota: EffectiveQuota,
    /// Its tenant's share.
    pub weight: Weight,
    /// The policies that its host calls need the word of.
    pub policies: Vec<&'r Policy>,
    /// The tightenings that its failure contract is under.
    pub tightenings: Vec<&'r Tightening>,
}

impl OfTenant {
    fn quota_of(&self, extension: &ExtensionId, environment: QuotaLimits) -> EffectiveQuota {
        let of_extension = if self.extensions.is_empty() { None } else { self.extensions.get(extension) };
        EffectiveQuota { tenant: self.quota.or(environment), extension: of_extension.map(|of| of.quota).unwrap_or_default() }
    }
}

impl Rules {
    /// The number of no rules at all.
    pub const NONE: u64 = 1;

    /// The rules of a control document.
    #[must_use]
    pub fn of(state: ControlState) -> Self {
        let (environment, denied, tenants) = Default::default();
        let mut rules = Self { number: next_number(), switches: Switches::of(&state.switches), environment, denied, tenants, state };
        for quota in &rules.state.quotas {
            let limits = match &quota.target {
                ControlScope::Environment => &mut rules.environment,
                ControlScope::Tenant { tenant } => &mut rules.tenants.entry(tenant.clone()).or_default().quota,
                ControlScope::Extension { tenant, extension } => {
                    &mut rules.tenants.entry(tenant.clone()).or_default().extensions.entry(extension.clone()).or_default().quota
                }
            };
            *limits = limits.tightest(quota.limits);
        }
        for set in &rules.state.weights {
            let weight = &mut rules.tenants.entry(set.tenant.clone()).or_default().weight;
            *weight = Some(weight.map_or(set.weight, |held| held.min(set.weight)));
        }
        for tightening in &rules.state.tightenings {
            let denied = match &tightening.target {
                ControlScope::Environment => &mut rules.denied,
                ControlScope::Tenant { tenant } => &mut rules.tenants.entry(tenant.clone()).or_default().denied,
                ControlScope::Extension { tenant, extension } => {
                    &mut rules.tenants.entry(tenant.clone()).or_default().extensions.entry(extension.clone()).or_default().denied
                }
            };
            *denied = denied.and(tightening.denied());
        }
        rules
    }

    /// Of these rules alone, in this process: what is kept with it was worked out under them.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The document behind it.
    #[must_use]
    pub fn state(&self) -> &ControlState {
        &self.state
    }

    /// The switches alone.
    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// As [`Switches::forced_off`].
    #[must_use]
    pub fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.switches.forced_off(definition)
    }

    /// How much a tenant and its extension may use. Without lock or allocation.
    #[must_use]
    pub fn quota(&self, tenant: &TenantId, extension: &ExtensionId) -> EffectiveQuota {
        let Some(of) = self.tenants.get(tenant) else {
            return EffectiveQuota { tenant: self.environment, extension: QuotaLimits::default() };
        };
        of.quota_of(extension, self.environment)
    }

    /// Limits and share of a tenant and its extension, looked up together. Without lock or allocation.
    #[must_use]
    pub fn allowance(&self, tenant: &TenantId, extension: &ExtensionId) -> Allowance {
        // Where nothing is set for single tenants, nothing is looked up.
        let of = if self.tenants.is_empty() { None } else { self.tenants.get(tenant) };
        match of {
            Some(of) => Allowance { quota: of.quota_of(extension, self.environment), weight: of.weight.unwrap_or_default() },
            None => Allowance { quota: EffectiveQuota { tenant: self.environment, extension: QuotaLimits::default() }, weight: Weight::default() },
        }
    }

    /// The causes that no contract of an extension answers for here.
    #[must_use]
    pub fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
        let Some(of) = self.tenants.get(tenant) else { return self.denied };
        let of_extension = of.extensions.get(extension).map(|of| of.denied).unwrap_or_default();
        self.denied.and(of.denied).and(of_extension)
    }

    /// A tenant's share. Without lock or allocation.
    #[must_use]
    pub fn weight(&self, tenant: &TenantId) -> Weight {
        self.tenants.get(tenant).and_then(|of| of.weight).unwrap_or_default()
    }

    /// Whether an extension may make a host call.
    #[must_use]
    pub fn ruling(&self, tenant: &TenantId, extension: &ExtensionId, method: &HostCallName) -> Ruling<'_> {
        self.state.ruling(tenant, extension, method)
    }

    /// Everything that is set for one extension, for operators.
    #[must_use]
    pub fn effective(&self, tenant: &TenantId, extension: &ExtensionId) -> Effective<'_> {
        Effective {
            quota: self.quota(tenant, extension),
            weight: self.weight(tenant),
            policies: self.state.policies.iter().filter(|policy| policy.target.covers(tenant, extension)).collect(),
            tightenings: self.state.tightenings.iter().filter(|tightening| tightening.target.covers(tenant, extension)).collect(),
        }
    }

    /// How much is set.
    #[must_use]
    pub fn counts(&self) -> RuleCounts {
        let ControlState { switches, quotas, weights, policies, tightenings, .. } = &self.state;
        RuleCounts {
            switches: switches.len(),
            quotas: quotas.len(),
            weights: weights.len(),
            policies: policies.len(),
            tightenings: tightenings.len(),
        }
    }
}

fn next_number() -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(Rules::NONE);
    NUMBERS.fetch_add(1, Relaxed) + 1
}

#[cfg(test)]
mod tests {
    use extensions_types::{ControlSource, Environment, FailureCause, Provenance, Quota, TenantWeight};
    use proptest::prelude::*;

    use super::*;

    fn names() -> (Vec<TenantId>, Vec<ExtensionId>) {
        let tenants = ["acme", "other", "none"].map(|name| TenantId::parse(name).unwrap());
        (tenants.into(), ["x", "y"].map(|name| ExtensionId::parse(name).unwrap()).into())
    }

    fn state() -> impl Strategy<Value = ControlState> {
        let (tenants, extensions) = names();
        let source = || prop::sample::select(vec![ControlSource::Operator, ControlSource::File]);
        let tenant = prop::sample::select(tenants[..2].to_vec());
        let scope = (0..3, tenant.clone(), prop::sample::select(extensions)).prop_map(|(which, tenant, extension)| match which {
            0 => ControlScope::Environment,
            1 => ControlScope::Tenant { tenant },
            _ => ControlScope::Extension { tenant, extension },
        });
        let limits = (prop::option::of(1..9u32), prop::option::of(1..9u32)).prop_map(|(concurrency, memory_mb)| QuotaLimits {
            concurrency,
            memory_mb,
            ..QuotaLimits::default()
        });
        let causes = prop::collection::btree_set(prop::sample::select(FailureCause::ALL.to_vec()), 1..3);
        let tightening = (scope.clone(), causes, source()).prop_map(|(target, causes, source)| Tightening {
            target,
            causes,
            set: Provenance::new(source, "", 1, 0),
        });
        let quota = (scope, limits, source()).prop_map(|(target, limits, source)| Quota { target, limits, set: Provenance::new(source, "", 1, 0) });
        let weight = (tenant, 1..9u32, source()).prop_map(|(tenant, weight, source)| TenantWeight {
            tenant,
            weight: Weight::new(weight).unwrap(),
            set: Provenance::new(source, "", 1, 0),
        });
        (prop::collection::vec(quota, 0..8), prop::collection::vec(weight, 0..4), prop::collection::vec(tightening, 0..4))
            .prop_map(|(quotas, weights, tightenings)| ControlState { quotas, weights, tightenings, ..ControlState::new(Environment::Prod) })
    }

    proptest! {
        /// The index says what the document says.
        #[test]
        fn an_index_changes_nothing(state in state()) {
            let rules = Rules::of(state.clone());
            let (tenants, extensions) = names();
            for tenant in &tenants {
                prop_assert_eq!(rules.weight(tenant), state.weight(tenant));
                for extension in &extensions {
                    prop_assert_eq!(rules.quota(tenant, extension), state.quota(tenant, extension));
                    prop_assert_eq!(rules.allowance(tenant, extension), Allowance { quota: state.quota(tenant, extension), weight: state.weight(tenant) });
                    prop_assert_eq!(rules.denied_causes(tenant, extension), state.denied_causes(tenant, extension));
                }
            }
        }
    }
}
