//! What the events of an environment's control amount to.

use extensions_types::{
    CallLabel, ControlScope, ControlSource, ControlState, Environment, Policy, Provenance, Quota, Switch, SwitchTarget, TenantId, TenantWeight,
    Tightening,
};
use serde::{Deserialize, Serialize};

use super::{ControlChange, ControlEvent, WHO_BYTES_MAX};
use crate::{Recent, bounds::cut, recent::Remembered};

/// `control/state.json`. Hosts read the [`ControlState`] in it and pass over
/// the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// What hosts read.
    #[serde(flatten)]
    pub state: ControlState,
    /// The commands of late.
    #[serde(default)]
    pub recent: Recent,
}

/// Why an event does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("control event {got} does not follow event {applied}: the history has a gap or is out of order")]
pub struct ControlApplyError {
    /// The last one applied.
    pub applied: u64,
    /// The one given.
    pub got: u64,
}

/// What a change takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Replaced<'c> {
    /// A switch.
    Switch(&'c Switch),
    /// Limits.
    Quota(&'c Quota),
    /// A share.
    Weight(&'c TenantWeight),
    /// A policy.
    Policy(&'c Policy),
    /// Denied causes.
    Tightening(&'c Tightening),
}

impl Control {
    /// The control of an environment in which nothing was ever set.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Self { state: ControlState::new(env), recent: Recent::default() }
    }

    /// The state after a whole history.
    ///
    /// # Errors
    /// When an event is missing or out of order.
    pub fn fold<'e>(env: Environment, events: impl IntoIterator<Item = &'e ControlEvent>) -> Result<Self, ControlApplyError> {
        let mut control = Self::new(env);
        events.into_iter().try_for_each(|event| control.apply(event))?;
        Ok(control)
    }

    /// The state after one more event.
    ///
    /// # Errors
    /// When it is not the next one.
    pub fn apply(&mut self, event: &ControlEvent) -> Result<(), ControlApplyError> {
        if event.seq != self.state.applied_seq + 1 {
            return Err(ControlApplyError { applied: self.state.applied_seq, got: event.seq });
        }
        self.change(event);
        self.state.applied_seq = event.seq;
        self.recent.remember(Remembered {
            actor: &event.actor,
            id: &event.command_id,
            content: event.content,
            seq: event.seq,
            at_ms: event.at_ms,
            version: None,
        });
        Ok(())
    }

    fn change(&mut self, event: &ControlEvent) {
        let set = |source| Provenance {
            source,
            who: cut(event.actor.to_string(), WHO_BYTES_MAX),
            why: event.why.clone(),
            seq: event.seq,
            at_ms: event.at_ms,
        };
        let state = &mut self.state;
        match event.change.clone() {
            ControlChange::ForcedOff { target, source, until_ms, abort } => {
                put(&mut state.switches, Switch { target, set: set(source), until_ms, abort });
            }
            ControlChange::Lifted { target, source } | ControlChange::Expired { target, source } => remove(&mut state.switches, (&target, source)),
            ControlChange::QuotaSet { target, source, limits } => put(&mut state.quotas, Quota { target, limits, set: set(source) }),
            ControlChange::QuotaCleared { target, source } => remove(&mut state.quotas, (&target, source)),
            ControlChange::WeightSet { tenant, source, weight } => put(&mut state.weights, TenantWeight { tenant, weight, set: set(source) }),
            ControlChange::WeightCleared { tenant, source } => remove(&mut state.weights, (&tenant, source)),
            ControlChange::PolicySet { name, source, target, mode, methods } => {
                put(&mut state.policies, Policy { name, target, mode, methods, set: set(source) });
            }
            ControlChange::PolicyCleared { name, source } => remove(&mut state.policies, (&name, source)),
            ControlChange::Tightened { target, source, causes } => put(&mut state.tightenings, Tightening { target, causes, set: set(source) }),
            ControlChange::Loosened { target, source } => remove(&mut state.tightenings, (&target, source)),
        }
    }

    /// This source's switch of exactly this target.
    #[must_use]
    pub fn switch(&self, target: &SwitchTarget, source: ControlSource) -> Option<&Switch> {
        get(&self.state.switches, (target, source))
    }

    /// This source's limits of exactly this scope.
    #[must_use]
    pub fn quota(&self, target: &ControlScope, source: ControlSource) -> Option<&Quota> {
        get(&self.state.quotas, (target, source))
    }

    /// This source's share of a tenant.
    #[must_use]
    pub fn weight(&self, tenant: &TenantId, source: ControlSource) -> Option<&TenantWeight> {
        get(&self.state.weights, (tenant, source))
    }

    /// This source's policy of a name.
    #[must_use]
    pub fn policy(&self, name: &CallLabel, source: ControlSource) -> Option<&Policy> {
        get(&self.state.policies, (name, source))
    }

    /// What this source denies in exactly this scope.
    #[must_use]
    pub fn tightening(&self, target: &ControlScope, source: ControlSource) -> Option<&Tightening> {
        get(&self.state.tightenings, (target, source))
    }

    /// What `change` takes the place of, or takes away.
    #[must_use]
    pub fn replaced(&self, change: &ControlChange) -> Option<Replaced<'_>> {
        match change {
            ControlChange::ForcedOff { target, source, .. }
            | ControlChange::Lifted { target, source }
            | ControlChange::Expired { target, source } => self.switch(target, *source).map(Replaced::Switch),
            ControlChange::QuotaSet { target, source, .. } | ControlChange::QuotaCleared { target, source } => {
                self.quota(target, *source).map(Replaced::Quota)
            }
            ControlChange::WeightSet { tenant, source, .. } | ControlChange::WeightCleared { tenant, source } => {
                self.weight(tenant, *source).map(Replaced::Weight)
            }
            ControlChange::PolicySet { name, source, .. } | ControlChange::PolicyCleared { name, source } => {
                self.policy(name, *source).map(Replaced::Policy)
            }
            ControlChange::Tightened { target, source, .. } | ControlChange::Loosened { target, source } => {
                self.tightening(target, *source).map(Replaced::Tightening)
            }
        }
    }
}

/// A record of control: one for each key and source, in their order.
trait Kept {
    type Key: Ord;
    fn key(&self) -> (&Self::Key, ControlSource);
}

impl Kept for Switch {
    type Key = SwitchTarget;
    fn key(&self) -> (&SwitchTarget, ControlSource) {
        (&self.target, self.set.source)
    }
}

impl Kept for Quota {
    type Key = ControlScope;
    fn key(&self) -> (&ControlScope, ControlSource) {
        (&self.target, self.set.source)
    }
}

impl Kept for TenantWeight {
    type Key = TenantId;
    fn key(&self) -> (&TenantId, ControlSource) {
        (&self.tenant, self.set.source)
    }
}

impl Kept for Policy {
    type Key = CallLabel;
    fn key(&self) -> (&CallLabel, ControlSource) {
        (&self.name, self.set.source)
    }
}

impl Kept for Tightening {
    type Key = ControlScope;
    fn key(&self) -> (&ControlScope, ControlSource) {
        (&self.target, self.set.source)
    }
}

fn find<T: Kept>(all: &[T], key: (&T::Key, ControlSource)) -> Result<usize, usize> {
    all.binary_search_by(|one| one.key().cmp(&key))
}

fn get<'c, T: Kept>(all: &'c [T], key: (&T::Key, ControlSource)) -> Option<&'c T> {
    find(all, key).ok().map(|at| &all[at])
}

fn put<T: Kept>(all: &mut Vec<T>, one: T) {
    match find(all, one.key()) {
        Ok(at) => all[at] = one,
        Err(at) => all.insert(at, one),
    }
}

fn remove<T: Kept>(all: &mut Vec<T>, key: (&T::Key, ControlSource)) {
    if let Ok(at) = find(all, key) {
        all.remove(at);
    }
}
