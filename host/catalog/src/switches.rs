//! What control forces off: by tenant, extension, version, kind or tier.

use std::collections::{HashMap, HashSet};

use extensions_types::{ControlState, ExtensionDefinition, ExtensionId, Kind, RiskTier, SwitchTarget, TenantId, Version};

/// The scope of the switch that keeps a version from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Everything of the tenant.
    Tenant,
    /// Every version of the extension.
    Extension,
    /// This version.
    Version,
    /// Every extension of the kind.
    Kind(Kind),
    /// Every extension of the tier.
    Tier(RiskTier),
}

impl std::fmt::Display for Off {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant => write!(f, "the platform's operators have switched this tenant's extensions off"),
            Self::Extension => write!(f, "the platform's operators have switched this extension off"),
            Self::Version => write!(f, "the platform's operators have switched this version off"),
            Self::Kind(kind) => write!(f, "the platform's operators have switched every {kind} off"),
            Self::Tier(tier) => write!(f, "the platform's operators have switched extensions of tier {tier} off"),
        }
    }
}

/// What one extension's switches say.
#[derive(Debug, Default, PartialEq, Eq)]
struct OfExtension {
    whole: bool,
    versions: HashSet<Version>,
}

/// What one tenant's switches say.
#[derive(Debug, Default, PartialEq, Eq)]
struct OfTenant {
    whole: bool,
    extensions: HashMap<ExtensionId, OfExtension>,
}

/// Switches, ready to be asked at each call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Switches {
    kinds: Vec<Kind>,
    tiers: Vec<RiskTier>,
    tenants: HashMap<TenantId, OfTenant>,
}

impl Switches {
    /// The switches of a control document, whoever set them: any of them suffices.
    #[must_use]
    pub fn of(state: &ControlState) -> Self {
        let mut switches = Self::default();
        state.switches.iter().for_each(|switch| switches.add(&switch.target));
        switches
    }

    fn add(&mut self, target: &SwitchTarget) {
        match target {
            SwitchTarget::Kind { kind } => self.kinds.push(*kind),
            SwitchTarget::Tier { tier } => self.tiers.push(*tier),
            SwitchTarget::Tenant { tenant } => self.of_tenant(tenant).whole = true,
            SwitchTarget::Extension { tenant, extension } => self.of_extension(tenant, extension).whole = true,
            SwitchTarget::Version { tenant, extension, version } => drop(self.of_extension(tenant, extension).versions.insert(*version)),
        }
    }

    fn of_extension(&mut self, tenant: &TenantId, extension: &ExtensionId) -> &mut OfExtension {
        self.of_tenant(tenant).extensions.entry(extension.clone()).or_default()
    }

    fn of_tenant(&mut self, tenant: &TenantId) -> &mut OfTenant {
        self.tenants.entry(tenant.clone()).or_default()
    }

    /// The widest switch that keeps `definition` from answering.
    #[must_use]
    pub fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        if self.kinds.contains(&definition.kind) {
            return Some(Off::Kind(definition.kind));
        }
        if self.tiers.contains(&definition.risk_tier) {
            return Some(Off::Tier(definition.risk_tier));
        }
        if self.tenants.is_empty() {
            return None;
        }
        let tenant = self.tenants.get(&definition.tenant_id)?;
        if tenant.whole {
            return Some(Off::Tenant);
        }
        let extension = tenant.extensions.get(&definition.id)?;
        if extension.whole {
            return Some(Off::Extension);
        }
        extension.versions.contains(&definition.version).then_some(Off::Version)
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::{Build, ControlSource, Environment, Manifest, Provenance, Schemas, Switch};

    use super::*;

    fn definition(tenant: &str, id: &str, version: u64) -> ExtensionDefinition {
        let manifest = Manifest::parse(&format!("id = \"{id}\"\nkind = \"domain_hook\"\nlang = \"rust\"")).unwrap();
        manifest.define(Build {
            tenant: TenantId::parse(tenant).unwrap(),
            abi: extensions_types::Abi::Component,
            version: Version::new(version).unwrap(),
            digest: String::new(),
            schemas: Schemas::default(),
            tool: None,
            created_by: String::new(),
        })
    }

    fn off(targets: &[SwitchTarget], definition: &ExtensionDefinition) -> Option<Off> {
        let mut state = ControlState::new(Environment::Prod);
        let switch = |target: &SwitchTarget| Switch::new(target.clone(), Provenance::new(ControlSource::Operator, "", 1, 0));
        state.switches = targets.iter().map(switch).collect();
        Switches::of(&state).forced_off(definition)
    }

    #[test]
    fn each_switch_covers_what_it_names_and_nothing_beside() {
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
        let version = SwitchTarget::Version { tenant: tenant.clone(), extension: extension.clone(), version: Version::FIRST };
        let whole = SwitchTarget::Extension { tenant: tenant.clone(), extension };
        let tenant = SwitchTarget::Tenant { tenant };
        let mine = definition("acme", "x", 1);
        let cases = [
            (version, Off::Version, definition("acme", "x", 2)),
            (whole, Off::Extension, definition("acme", "y", 1)),
            (tenant, Off::Tenant, definition("other", "x", 1)),
        ];
        for (target, scope, beside) in cases {
            assert_eq!(off(std::slice::from_ref(&target), &mine), Some(scope));
            assert_eq!(off(&[target], &beside), None);
        }
        assert_eq!(off(&[SwitchTarget::Kind { kind: Kind::DomainHook }], &mine), Some(Off::Kind(Kind::DomainHook)));
        assert_eq!(off(&[SwitchTarget::Kind { kind: Kind::AgentTool }], &mine), None);
        assert_eq!(off(&[SwitchTarget::Tier { tier: RiskTier::Low }], &mine), Some(Off::Tier(RiskTier::Low)));
        assert_eq!(off(&[SwitchTarget::Tier { tier: RiskTier::High }], &mine), None);
        assert_eq!(off(&[], &mine), None);
    }
}
