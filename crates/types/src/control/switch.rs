//! Switches: what is off.

use serde::{Deserialize, Serialize};

use super::Provenance;
use crate::{ExtensionId, Kind, RiskTier, TenantId, Version};

/// One target forced off by one source. Something is off as long as any switch
/// covers it; a switch ends only where it was set, or at its own time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// What is off.
    pub target: SwitchTarget,
    /// Who holds it off, why and since when.
    #[serde(flatten)]
    pub set: Provenance,
    /// Until when, in milliseconds since the Unix epoch by each host's own
    /// clock; none: until it is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Whether invocations under way end at once, instead of at their limits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort: bool,
}

impl Switch {
    /// `target` is off until it is taken away; what runs ends at its limits.
    #[must_use]
    pub fn new(target: SwitchTarget, set: Provenance) -> Self {
        Self { target, set, until_ms: None, abort: false }
    }

    /// Whether it is in force at `now_ms`.
    #[must_use]
    pub fn holds(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ControlSource;

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
    fn a_switch_holds_until_its_time() {
        let switch = Switch::new(SwitchTarget::Tier { tier: RiskTier::Low }, Provenance::new(ControlSource::File, "", 1, 0));
        assert!(switch.holds(u64::MAX));
        let switch = Switch { until_ms: Some(10), ..switch };
        assert!(switch.holds(9) && !switch.holds(10));
    }
}
