//! What control forces off: by tenant, extension, version, kind or tier.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use extensions_types::{ExtensionDefinition, ExtensionId, Kind, RiskTier, Switch, SwitchTarget, TenantId, Version};

/// The scope of the switch that keeps a version from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Nobody can say: this host has never read the environment's control.
    Unknown,
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
            Self::Unknown => write!(f, "this host has not read yet what is switched off; try again"),
            Self::Tenant => write!(f, "the platform's operators have switched this tenant's extensions off"),
            Self::Extension => write!(f, "the platform's operators have switched this extension off"),
            Self::Version => write!(f, "the platform's operators have switched this version off"),
            Self::Kind(kind) => write!(f, "the platform's operators have switched every {kind} off"),
            Self::Tier(tier) => write!(f, "the platform's operators have switched extensions of tier {tier} off"),
        }
    }
}

/// How long one target is off, whoever says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    /// Exclusive, in milliseconds since the Unix epoch; 0: not at all.
    until_ms: u64,
    /// The same for ending what runs.
    abort_until_ms: u64,
}

impl Held {
    const FOR_EVER: u64 = u64::MAX;

    fn add(&mut self, until_ms: u64, abort: bool) {
        self.until_ms = self.until_ms.max(until_ms);
        if abort {
            self.abort_until_ms = self.abort_until_ms.max(until_ms);
        }
    }

    fn is_off(self, asked: Asked) -> bool {
        let until_ms = match asked {
            Asked::Begin => self.until_ms,
            Asked::GoOn => self.abort_until_ms,
        };
        // Only a switch with an end needs a clock.
        until_ms == Self::FOR_EVER || (until_ms > 0 && now_ms() < until_ms)
    }
}

/// What a call wants.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Begin,
    GoOn,
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What one extension's switches say.
#[derive(Debug, Default, PartialEq, Eq)]
struct OfExtension {
    whole: Held,
    versions: HashMap<Version, Held>,
}

/// What one tenant's switches say.
#[derive(Debug, Default, PartialEq, Eq)]
struct OfTenant {
    whole: Held,
    extensions: HashMap<ExtensionId, OfExtension>,
}

/// Switches, ready to be asked at each call: no lock, no allocation, and no
/// clock unless a switch that covers the call has an end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Switches {
    kinds: [Held; Kind::ALL.len()],
    tiers: [Held; RiskTier::ALL.len()],
    tenants: HashMap<TenantId, OfTenant>,
    /// Whether any of them ends what runs.
    aborting: bool,
}

impl Switches {
    /// These switches, whoever set them: any of them suffices.
    #[must_use]
    pub fn of<'s>(all: impl IntoIterator<Item = &'s Switch>) -> Self {
        let mut switches = Self::default();
        all.into_iter().for_each(|switch| switches.add(switch));
        switches
    }

    fn add(&mut self, switch: &Switch) {
        let held = match &switch.target {
            SwitchTarget::Kind { kind } => &mut self.kinds[*kind as usize],
            SwitchTarget::Tier { tier } => &mut self.tiers[*tier as usize],
            SwitchTarget::Tenant { tenant } => &mut self.of_tenant(tenant).whole,
            SwitchTarget::Extension { tenant, extension } => &mut self.of_extension(tenant, extension).whole,
            SwitchTarget::Version { tenant, extension, version } => self.of_extension(tenant, extension).versions.entry(*version).or_default(),
        };
        held.add(switch.until_ms.unwrap_or(Held::FOR_EVER), switch.abort);
        self.aborting |= switch.abort;
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
        self.off(definition, Asked::Begin)
    }

    /// The widest switch that ends what runs of `definition`. Asked at every
    /// tick of a guest; as a rule one comparison.
    #[must_use]
    pub fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        if self.aborting { self.off(definition, Asked::GoOn) } else { None }
    }

    fn off(&self, definition: &ExtensionDefinition, asked: Asked) -> Option<Off> {
        if self.kinds[definition.kind as usize].is_off(asked) {
            return Some(Off::Kind(definition.kind));
        }
        if self.tiers[definition.risk_tier as usize].is_off(asked) {
            return Some(Off::Tier(definition.risk_tier));
        }
        if self.tenants.is_empty() {
            return None;
        }
        let tenant = self.tenants.get(&definition.tenant_id)?;
        if tenant.whole.is_off(asked) {
            return Some(Off::Tenant);
        }
        let extension = tenant.extensions.get(&definition.id)?;
        if extension.whole.is_off(asked) {
            return Some(Off::Extension);
        }
        let version = extension.versions.get(&definition.version)?;
        version.is_off(asked).then_some(Off::Version)
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::{Build, ControlSource, Manifest, Provenance, Schemas};

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

    fn switch(target: &SwitchTarget) -> Switch {
        Switch::new(target.clone(), Provenance::new(ControlSource::Operator, "", 1, 0))
    }

    fn off(targets: &[SwitchTarget], definition: &ExtensionDefinition) -> Option<Off> {
        Switches::of(&targets.iter().map(switch).collect::<Vec<_>>()).forced_off(definition)
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

    #[test]
    fn a_switch_past_its_time_forbids_nothing() {
        let mine = definition("acme", "x", 1);
        let target = SwitchTarget::Tenant { tenant: TenantId::parse("acme").unwrap() };
        let until = |until_ms, abort| Switch { until_ms: Some(until_ms), abort, ..switch(&target) };
        let (past, future) = (now_ms() - 1, now_ms() + 3_600_000);
        assert_eq!(Switches::of(&[until(past, true)]).forced_off(&mine), None);
        assert_eq!(Switches::of(&[until(past, true), until(future, false)]).forced_off(&mine), Some(Off::Tenant), "the later end holds");
        assert_eq!(Switches::of(&[until(past, true), until(future, false)]).aborts(&mine), None, "what aborts is over");
        assert_eq!(Switches::of(&[until(future, true), switch(&target)]).aborts(&mine), Some(Off::Tenant));
    }

    #[test]
    fn only_a_switch_that_says_so_ends_what_runs() {
        let mine = definition("acme", "x", 1);
        let target = SwitchTarget::Kind { kind: Kind::DomainHook };
        assert_eq!(Switches::of(&[switch(&target)]).aborts(&mine), None);
        let other = SwitchTarget::Tier { tier: RiskTier::High };
        let aborting = |target| Switch { abort: true, ..switch(target) };
        assert_eq!(Switches::of(&[switch(&target), aborting(&other)]).aborts(&mine), None);
        assert_eq!(Switches::of(&[aborting(&target)]).aborts(&mine), Some(Off::Kind(Kind::DomainHook)));
    }
}
