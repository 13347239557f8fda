//! From what a file says to the commands that make it so.

use std::collections::{BTreeMap, BTreeSet};

use extensions_types::{
    CallLabel, ControlScope, ControlSource, ControlState, FailureCause, HostCallName, PolicyMode, Provenance, QuotaLimits, SwitchTarget, TenantId,
    Weight,
};

use super::{Control, ControlAction, POLICIES_MAX, QUOTAS_MAX, SWITCHES_MAX, TIGHTENINGS_MAX, WEIGHTS_MAX};

/// Everything that a file holds: what is not in it, the file does not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What is off.
    pub switches: BTreeMap<SwitchTarget, WantedSwitch>,
    /// Limits, and why.
    pub quotas: BTreeMap<ControlScope, (QuotaLimits, String)>,
    /// Shares, and why.
    pub weights: BTreeMap<TenantId, (Weight, String)>,
    /// Policies by name.
    pub policies: BTreeMap<CallLabel, WantedPolicy>,
    /// Causes that no failure contract answers for, and why.
    pub tightenings: BTreeMap<ControlScope, (BTreeSet<FailureCause>, String)>,
}

/// A switch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSwitch {
    /// Why.
    pub why: String,
    /// Until when; afterwards it is as if it were not in the file.
    pub until_ms: Option<u64>,
    /// Whether what runs ends at once.
    pub abort: bool,
}

/// A policy of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPolicy {
    /// Why.
    pub why: String,
    /// Whose host calls it rules.
    pub target: ControlScope,
    /// Whether it denies or only notes.
    pub mode: PolicyMode,
    /// The only methods that may be called.
    pub methods: BTreeSet<HostCallName>,
}

/// An action, and its reason.
type Step = (ControlAction, String);

const SOURCE: ControlSource = ControlSource::File;

impl Wanted {
    /// What makes `control` hold just this of a file at `now_ms`, and nothing of
    /// other sources differ. What restricts more comes first, unless that needs
    /// room which only what goes can make. Only commands that change something:
    /// none when it is so.
    #[must_use]
    pub fn steps(&self, control: &Control, now_ms: u64) -> Vec<Step> {
        let sets = self.sets(control, now_ms);
        let clears = self.clears(&control.state, now_ms).map(|action| (action, "no longer in the file".to_owned()));
        if self.fits_beside(&control.state) { sets.chain(clears).collect() } else { clears.chain(sets).collect() }
    }

    /// Whether there is room for everything at once, old and new.
    fn fits_beside(&self, state: &ControlState) -> bool {
        state.switches.len() + self.switches.len() <= SWITCHES_MAX
            && state.quotas.len() + self.quotas.len() <= QUOTAS_MAX
            && state.weights.len() + self.weights.len() <= WEIGHTS_MAX
            && state.policies.len() + self.policies.len() <= POLICIES_MAX
            && state.tightenings.len() + self.tightenings.len() <= TIGHTENINGS_MAX
    }

    fn sets<'w>(&'w self, control: &'w Control, now_ms: u64) -> impl Iterator<Item = Step> + 'w {
        let switches = self.switches.iter().filter(move |(_, switch)| switch.is_wanted(now_ms)).filter_map(|(target, wanted)| {
            let WantedSwitch { ref why, until_ms, abort } = *wanted;
            let is_so = control.switch(target, SOURCE).is_some_and(|held| (held.until_ms, held.abort) == (until_ms, abort));
            (!is_so).then(|| (ControlAction::ForceOff { target: target.clone(), source: SOURCE, until_ms, abort }, why.clone()))
        });
        let quotas = self.quotas.iter().filter_map(|(target, &(limits, ref why))| {
            let is_so = control.quota(target, SOURCE).is_some_and(|held| held.limits == limits);
            (!is_so).then(|| (ControlAction::SetQuota { target: target.clone(), source: SOURCE, limits }, why.clone()))
        });
        let weights = self.weights.iter().filter_map(|(tenant, &(weight, ref why))| {
            let is_so = control.weight(tenant, SOURCE).is_some_and(|held| held.weight == weight);
            (!is_so).then(|| (ControlAction::SetWeight { tenant: tenant.clone(), source: SOURCE, weight }, why.clone()))
        });
        let policies = self.policies.iter().filter_map(|(name, wanted)| {
            let WantedPolicy { why, target, mode, methods } = wanted;
            let held = control.policy(name, SOURCE);
            let is_so = held.is_some_and(|held| held.target == *target && held.mode == *mode && held.methods == *methods);
            let (name, target, mode, methods) = (name.clone(), target.clone(), *mode, methods.clone());
            (!is_so).then(|| (ControlAction::SetPolicy { name, source: SOURCE, target, mode, methods }, why.clone()))
        });
        let tightenings = self.tightenings.iter().filter_map(|(target, (causes, why))| {
            let is_so = control.tightening(target, SOURCE).is_some_and(|held| held.causes == *causes);
            (!is_so).then(|| (ControlAction::Tighten { target: target.clone(), source: SOURCE, causes: causes.clone() }, why.clone()))
        });
        switches.chain(quotas).chain(weights).chain(policies).chain(tightenings)
    }

    fn clears<'w>(&'w self, state: &'w ControlState, now_ms: u64) -> impl Iterator<Item = ControlAction> + 'w {
        let ours = |set: &Provenance| set.source == SOURCE;
        let switches = state.switches.iter().filter(move |held| ours(&held.set));
        let switches = switches.filter(move |held| !self.switches.get(&held.target).is_some_and(|wanted| wanted.is_wanted(now_ms)));
        let quotas = state.quotas.iter().filter(move |held| ours(&held.set) && !self.quotas.contains_key(&held.target));
        let weights = state.weights.iter().filter(move |held| ours(&held.set) && !self.weights.contains_key(&held.tenant));
        let policies = state.policies.iter().filter(move |held| ours(&held.set) && !self.policies.contains_key(&held.name));
        let tightenings = state.tightenings.iter().filter(move |held| ours(&held.set) && !self.tightenings.contains_key(&held.target));
        switches
            .map(|held| ControlAction::Lift { target: held.target.clone(), source: SOURCE })
            .chain(quotas.map(|held| ControlAction::ClearQuota { target: held.target.clone(), source: SOURCE }))
            .chain(weights.map(|held| ControlAction::ClearWeight { tenant: held.tenant.clone(), source: SOURCE }))
            .chain(policies.map(|held| ControlAction::ClearPolicy { name: held.name.clone(), source: SOURCE }))
            .chain(tightenings.map(|held| ControlAction::Loosen { target: held.target.clone(), source: SOURCE }))
    }
}

impl WantedSwitch {
    fn is_wanted(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
    }
}
