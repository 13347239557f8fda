//! An environment's control: what operators switched off, and the quotas,
//! weights and policies that they set.
//!
//! Derived from the control's events. Each thing is set by one source and ends
//! only there; where sources differ, the most restrictive wins. Everything
//! beside `switches` came later and may be missing; a host passes over sections
//! that it does not know.

mod policy;
mod quota;
mod source;
mod switch;
mod tightening;
mod weight;

use serde::{Deserialize, Serialize};

pub use policy::{Policy, PolicyMode, Ruling};
pub use quota::{EffectiveQuota, Quota, QuotaError, QuotaLimits};
pub use source::{ControlScope, ControlSource, Provenance};
pub use switch::{Running, Switch, SwitchTarget};
pub use tightening::Tightening;
pub use weight::{TenantWeight, Weight, WeightError};

use crate::{CauseSet, Environment, ExtensionId, HostCallName, SchemaV1, TenantId};

/// `control/state.json` of one environment, as hosts read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlState {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// The environment that it rules.
    pub env: Environment,
    /// Raised by a rebuild or a restore; outranks `applied_seq`.
    pub generation: u64,
    /// The last event that it knows of; 0 before the first.
    pub applied_seq: u64,
    /// Everything that is off, ordered by target and source, without repeats.
    #[serde(default)]
    pub switches: Vec<Switch>,
    /// Limits, ordered by scope and source, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
    /// Shares of tenants, ordered by tenant and source, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<TenantWeight>,
    /// Which host calls may be made, ordered by name and source, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Failures that no contract answers for, ordered by scope and source, without repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tightenings: Vec<Tightening>,
}

impl ControlState {
    /// The control of an environment in which nothing was ever set.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Self {
            schema: SchemaV1,
            env,
            generation: 0,
            applied_seq: 0,
            switches: Vec::new(),
            quotas: Vec::new(),
            weights: Vec::new(),
            policies: Vec::new(),
            tightenings: Vec::new(),
        }
    }

    /// The first switch that forbids running this at `now_ms`; none when it may
    /// run. Looks at every switch: a host on its hot path keeps an index instead.
    #[must_use]
    pub fn off(&self, running: Running<'_>, now_ms: u64) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.holds(now_ms) && switch.target.covers(running))
    }

    /// Whether any source holds exactly this target off. A switch past its time
    /// counts until the registry has cleaned it up.
    #[must_use]
    pub fn holds_off(&self, target: &SwitchTarget) -> bool {
        self.switches.iter().any(|switch| switch.target == *target)
    }

    /// The limits of one extension and of its tenant.
    #[must_use]
    pub fn quota(&self, tenant: &TenantId, extension: &ExtensionId) -> EffectiveQuota {
        quota::effective(&self.quotas, tenant, extension)
    }

    /// The tenant's share: the lowest that a source gives it.
    #[must_use]
    pub fn weight(&self, tenant: &TenantId) -> Weight {
        weight::effective(&self.weights, tenant)
    }

    /// Whether the policies let an extension call `method`.
    #[must_use]
    pub fn ruling(&self, tenant: &TenantId, extension: &ExtensionId, method: &HostCallName) -> Ruling<'_> {
        policy::ruling(&self.policies, tenant, extension, method)
    }

    /// The causes that no contract of the extension answers for here.
    #[must_use]
    pub fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
        tightening::effective(&self.tightenings, tenant, extension)
    }

    /// What orders two states of one control: hosts only go up.
    #[must_use]
    pub fn order(&self) -> (u64, u64) {
        (self.generation, self.applied_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FailureCause, Kind};

    #[test]
    fn the_document_keeps_its_form() {
        let mut state = ControlState::new(Environment::Prod);
        let target = SwitchTarget::Kind { kind: Kind::AgentTool };
        let set = Provenance::new(ControlSource::Operator, "drill", 1, 5);
        state.switches.push(Switch::new(target, set.clone()));
        let first = "{\"schema\":1,\"env\":\"prod\",\"generation\":0,\"applied_seq\":0,\"switches\":\
             [{\"target\":{\"of\":\"kind\",\"kind\":\"agent_tool\"},\"source\":\"operator\",\"why\":\"drill\",\"seq\":1,\"at_ms\":5}]}";
        assert_eq!(serde_json::to_string(&state).unwrap(), first, "as the first release wrote it");
        assert_eq!(serde_json::from_str::<ControlState>(first).unwrap(), state);
        assert!(
            serde_json::from_str::<ControlState>(&first.replace("\"of\":\"kind\"", "\"of\":\"moon\"")).is_err(),
            "an unknown switch is not ignored"
        );

        let set = Provenance { who: "ann".into(), ..set };
        (state.switches[0].set, state.switches[0].until_ms, state.switches[0].abort) = (set.clone(), Some(9), true);
        let limits = QuotaLimits { concurrency: Some(4), ..QuotaLimits::default() };
        state.quotas.push(Quota { target: ControlScope::Environment, limits, set: set.clone() });
        let tenant = TenantId::parse("acme").unwrap();
        state.weights.push(TenantWeight { tenant: tenant.clone(), weight: Weight::new(50).unwrap(), set: set.clone() });
        state.policies.push(Policy {
            name: crate::CallLabel::parse("base").unwrap(),
            target: ControlScope::Tenant { tenant },
            mode: PolicyMode::Observe,
            methods: [HostCallName::parse("orders.get").unwrap()].into(),
            set: set.clone(),
        });
        state.tightenings.push(Tightening { target: ControlScope::Environment, causes: [FailureCause::Timeout, FailureCause::HostCall].into(), set });
        let set = "\"source\":\"operator\",\"who\":\"ann\",\"why\":\"drill\",\"seq\":1,\"at_ms\":5";
        let whole = format!(
            "{{\"schema\":1,\"env\":\"prod\",\"generation\":0,\"applied_seq\":0,\
             \"switches\":[{{\"target\":{{\"of\":\"kind\",\"kind\":\"agent_tool\"}},{set},\"until_ms\":9,\"abort\":true}}],\
             \"quotas\":[{{\"target\":{{\"of\":\"environment\"}},\"limits\":{{\"concurrency\":4}},{set}}}],\
             \"weights\":[{{\"tenant\":\"acme\",\"weight\":50,{set}}}],\
             \"policies\":[{{\"name\":\"base\",\"target\":{{\"of\":\"tenant\",\"tenant\":\"acme\"}},\"mode\":\"observe\",\"methods\":[\"orders.get\"],{set}}}],\
             \"tightenings\":[{{\"target\":{{\"of\":\"environment\"}},\"causes\":[\"timeout\",\"host_call\"],{set}}}]}}"
        );
        assert_eq!(serde_json::to_string(&state).unwrap(), whole);
        assert_eq!(serde_json::from_str::<ControlState>(&whole).unwrap(), state);
        for nonsense in [whole.replace("\"weight\":50", "\"weight\":0"), whole.replace("orders.get", "orders"), whole.replace("observe", "hope")] {
            assert!(serde_json::from_str::<ControlState>(&nonsense).is_err(), "{nonsense}");
        }
    }
}
