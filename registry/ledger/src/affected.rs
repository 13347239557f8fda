//! Whom a change of control would touch: asked before it is made.

use extensions_artifact::{Key, Owned, Prefix};
use extensions_registry_core::{
    Caller, Decision,
    control::{Control, ControlChange, ControlCommand, decide},
};
use extensions_types::{ControlScope, EntryDocument, Environment, Running, SwitchTarget, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{Ledger, LedgerError, control, documents::read_derived};

/// Extensions that an answer names; more are counted.
pub const AFFECTED_SHOWN_MAX: usize = 100;
/// Entries that are looked at: a dry run answers in seconds. Beyond it the
/// answer says that there may be more.
const LOOKED_AT_MAX: usize = 10_000;
/// Entries read at once.
const AT_ONCE: usize = 32;

/// What a command would change.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The event that would record it; none: it is so already.
    pub change: Option<ControlChange>,
    /// The control as it is.
    pub control: Control,
}

/// The extensions that something covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affected {
    /// The first of them.
    pub shown: Vec<Owned>,
    /// How many were found.
    pub total: usize,
    /// Whether there may be more than were looked at.
    pub more: bool,
}

impl Ledger {
    /// What `command` would change; nothing is recorded.
    ///
    /// # Errors
    /// As [`Ledger::change_control`] would refuse it.
    pub async fn preview_control(&self, env: Environment, command: &ControlCommand, caller: &Caller) -> Result<Preview, LedgerError> {
        let control = control::latest(self.stores(), env).await?.control;
        let change = match decide(&control, command, caller)? {
            Decision::Record(change) => Some(change),
            Decision::AlreadySo | Decision::Repeated { .. } => None,
        };
        Ok(Preview { change, control })
    }

    /// The extensions that `env` serves now and `change` is about.
    ///
    /// # Errors
    /// When the environment's entries cannot be read.
    pub async fn affected(&self, env: Environment, change: &ControlChange) -> Result<Affected, LedgerError> {
        match change {
            ControlChange::ForcedOff { target, .. } | ControlChange::Lifted { target, .. } | ControlChange::Expired { target, .. } => {
                self.covered(env, target).await
            }
            ControlChange::QuotaSet { target, .. }
            | ControlChange::QuotaCleared { target, .. }
            | ControlChange::PolicySet { target, .. }
            | ControlChange::Tightened { target, .. }
            | ControlChange::Loosened { target, .. } => self.within(env, target).await,
            ControlChange::WeightSet { tenant, .. } | ControlChange::WeightCleared { tenant, .. } => self.of_tenant(env, tenant).await,
            ControlChange::PolicyCleared { name, source } => {
                let control = control::latest(self.stores(), env).await?.control;
                match control.policy(name, *source) {
                    Some(policy) => self.within(env, &policy.target).await,
                    None => Ok(Affected::default()),
                }
            }
        }
    }

    async fn within(&self, env: Environment, scope: &ControlScope) -> Result<Affected, LedgerError> {
        match scope {
            ControlScope::Environment => Ok(Affected::of(self.served(env, &Prefix::Entries(env)).await?)),
            ControlScope::Tenant { tenant } => self.of_tenant(env, tenant).await,
            ControlScope::Extension { tenant, extension } => self.one(env, Owned::new(tenant.clone(), extension.clone())).await,
        }
    }

    async fn of_tenant(&self, env: Environment, tenant: &TenantId) -> Result<Affected, LedgerError> {
        Ok(Affected::of(self.served(env, &Prefix::EntriesOf(env, tenant.clone())).await?))
    }

    async fn one(&self, env: Environment, of: Owned) -> Result<Affected, LedgerError> {
        let found = self.stores().env(env).head(&of.entry(env)).await?;
        Ok(Affected::of(found.map(|_| of).into_iter().collect()))
    }

    async fn covered(&self, env: Environment, target: &SwitchTarget) -> Result<Affected, LedgerError> {
        match target {
            SwitchTarget::Tenant { tenant } => self.of_tenant(env, tenant).await,
            SwitchTarget::Extension { tenant, extension } => self.one(env, Owned::new(tenant.clone(), extension.clone())).await,
            SwitchTarget::Version { tenant, extension, .. } => self.which(env, vec![Owned::new(tenant.clone(), extension.clone())], target).await,
            // Kinds and tiers stand in the entries alone.
            SwitchTarget::Kind { .. } | SwitchTarget::Tier { .. } => {
                let served = self.served(env, &Prefix::Entries(env)).await?;
                self.which(env, served, target).await
            }
        }
    }

    /// Those of `all` that serve something which `target` covers.
    async fn which(&self, env: Environment, all: Vec<Owned>, target: &SwitchTarget) -> Result<Affected, LedgerError> {
        let looked_at = all.len();
        let reads = all.into_iter().map(|of| async move {
            let found = read_derived::<EntryDocument>(self.stores().env(env), &of.entry(env)).await?;
            let entry = found.and_then(|found| found.value);
            Ok::<_, LedgerError>(entry.is_some_and(|entry| covers(target, &of, &entry)).then_some(of))
        });
        let covered: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_filter_map(|one| std::future::ready(Ok(one))).try_collect().await?;
        Ok(Affected { more: looked_at >= LOOKED_AT_MAX, ..Affected::of(covered) })
    }

    async fn served(&self, env: Environment, prefix: &Prefix) -> Result<Vec<Owned>, LedgerError> {
        let rows = self.stores().env(env).list(prefix, None).take(LOOKED_AT_MAX);
        let entries = rows.try_filter_map(|row| {
            std::future::ready(Ok(match row.key {
                Key::Entry { of, .. } => Some(of),
                _ => None,
            }))
        });
        Ok(entries.try_collect().await?)
    }
}

impl Affected {
    fn of(mut all: Vec<Owned>) -> Self {
        let total = all.len();
        all.truncate(AFFECTED_SHOWN_MAX);
        Self { shown: all, total, more: total >= LOOKED_AT_MAX }
    }
}

fn covers(target: &SwitchTarget, of: &Owned, entry: &EntryDocument) -> bool {
    entry.versions.iter().any(|(&version, listed)| {
        let (kind, tier) = (listed.definition.kind, listed.definition.risk_tier);
        target.covers(Running { tenant: &of.tenant, extension: &of.extension, version, kind, tier })
    })
}
