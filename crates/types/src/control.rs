//! An environment's control: what operators have switched off.
//!
//! Derived from the control's events. Quotas, weights and policies become
//! sections beside `switches`; a host passes over sections that it does not know.

use serde::{Deserialize, Serialize};

use crate::{Environment, ExtensionId, Kind, RiskTier, SchemaV1, TenantId, Version};

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
}

/// One target forced off by one source. Something is off as long as any switch
/// covers it; a switch ends only where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// What is off.
    pub target: SwitchTarget,
    /// Who holds it off.
    pub source: SwitchSource,
    /// Why, for people; at most 1 KiB. Never shown to tenants.
    pub why: String,
    /// The event that set it.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// What a switch covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum SwitchTarget {
    /// All extensions of a tenant.
    Tenant {
        /// The tenant.
        tenant: TenantId,
    },
    /// One extension, all versions.
    Extension {
        /// Its tenant.
        tenant: TenantId,
        /// The extension.
        extension: ExtensionId,
    },
    /// One version of one extension.
    Version {
        /// Its tenant.
        tenant: TenantId,
        /// Its extension.
        extension: ExtensionId,
        /// The version.
        version: Version,
    },
    /// All extensions of a kind.
    Kind {
        /// The kind.
        kind: Kind,
    },
    /// All versions of a tier.
    Tier {
        /// The tier.
        tier: RiskTier,
    },
}

/// Where a switch was set, and where alone it can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchSource {
    /// By an operator, through the registry.
    Operator,
    /// In a file that the registry imports.
    File,
}

/// What is about to run.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// The extension's tenant.
    pub tenant: &'a TenantId,
    /// The extension.
    pub extension: &'a ExtensionId,
    /// The version picked.
    pub version: Version,
    /// Its kind.
    pub kind: Kind,
    /// Its tier.
    pub tier: RiskTier,
}

impl SwitchTarget {
    /// Whether it covers what is about to run.
    #[must_use]
    pub fn covers(&self, running: Running<'_>) -> bool {
        match self {
            Self::Tenant { tenant } => tenant == running.tenant,
            Self::Extension { tenant, extension } => tenant == running.tenant && extension == running.extension,
            Self::Version { tenant, extension, version } => tenant == running.tenant && extension == running.extension && *version == running.version,
            Self::Kind { kind } => *kind == running.kind,
            Self::Tier { tier } => *tier == running.tier,
        }
    }
}

impl ControlState {
    /// The control of an environment in which nothing was ever switched.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Self { schema: SchemaV1, env, generation: 0, applied_seq: 0, switches: Vec::new() }
    }

    /// The first switch that forbids running this; none when it may run.
    /// Looks at every switch: a host on its hot path keeps an index instead.
    #[must_use]
    pub fn off(&self, running: Running<'_>) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.target.covers(running))
    }

    /// Whether any source holds exactly this target off.
    #[must_use]
    pub fn holds_off(&self, target: &SwitchTarget) -> bool {
        self.switches.iter().any(|switch| switch.target == *target)
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

    fn tenant(text: &str) -> TenantId {
        TenantId::parse(text).unwrap()
    }

    #[test]
    fn each_target_covers_its_own_and_nothing_else() {
        let (acme, other) = (tenant("acme"), tenant("other"));
        let (x, y) = (ExtensionId::parse("x").unwrap(), ExtensionId::parse("y").unwrap());
        let (one, two) = (Version::FIRST, Version::FIRST.next());
        let run = |tenant, extension, version, kind, tier| Running { tenant, extension, version, kind, tier };
        let mine = run(&acme, &x, one, Kind::DomainHook, RiskTier::Low);
        let rows = [
            (SwitchTarget::Tenant { tenant: acme.clone() }, run(&other, &x, one, Kind::DomainHook, RiskTier::Low)),
            (SwitchTarget::Extension { tenant: acme.clone(), extension: x.clone() }, run(&acme, &y, one, Kind::DomainHook, RiskTier::Low)),
            (SwitchTarget::Extension { tenant: acme.clone(), extension: x.clone() }, run(&other, &x, one, Kind::DomainHook, RiskTier::Low)),
            (
                SwitchTarget::Version { tenant: acme.clone(), extension: x.clone(), version: one },
                run(&acme, &x, two, Kind::DomainHook, RiskTier::Low),
            ),
            (SwitchTarget::Kind { kind: Kind::DomainHook }, run(&acme, &x, one, Kind::AgentTool, RiskTier::Low)),
            (SwitchTarget::Tier { tier: RiskTier::Low }, run(&acme, &x, one, Kind::DomainHook, RiskTier::High)),
        ];
        for (target, passed_over) in rows {
            assert!(target.covers(mine), "{target:?}");
            assert!(!target.covers(passed_over), "{target:?}");
        }
    }

    #[test]
    fn the_document_keeps_its_form() {
        let mut state = ControlState::new(Environment::Prod);
        let target = SwitchTarget::Kind { kind: Kind::AgentTool };
        state.switches.push(Switch { target, source: SwitchSource::Operator, why: "drill".into(), seq: 1, at_ms: 5 });
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(
            json,
            "{\"schema\":1,\"env\":\"prod\",\"generation\":0,\"applied_seq\":0,\"switches\":\
             [{\"target\":{\"of\":\"kind\",\"kind\":\"agent_tool\"},\"source\":\"operator\",\"why\":\"drill\",\"seq\":1,\"at_ms\":5}]}"
        );
        assert_eq!(serde_json::from_str::<ControlState>(&json).unwrap(), state);
        assert!(
            serde_json::from_str::<ControlState>(&json.replace("\"of\":\"kind\"", "\"of\":\"moon\"")).is_err(),
            "an unknown switch is not ignored"
        );
    }
}
