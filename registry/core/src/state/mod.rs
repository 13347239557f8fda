//! What an extension's history amounts to: the head snapshot.

mod apply;
mod serving;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use extensions_types::{Environment, ExtensionId, RiskTier, SchemaV1, TenantId, Version};
use serde::{Deserialize, Serialize};

pub use apply::ApplyError;
pub use serving::{Past, Serving};
pub use version::{Approval, Build, Rejection, Review, VersionRecord, Waiver};

use crate::{Change, Event, Person, Recent};

/// One extension after its first `applied_seq` events. `head.json` is its
/// JSON; it can always be derived again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// Whose extension it is.
    pub tenant: TenantId,
    /// The extension within its tenant.
    pub extension: ExtensionId,
    /// Raised by whoever rebuilds or restores; no event changes it.
    pub generation: u64,
    /// The last event applied; 0 before the first.
    pub applied_seq: u64,
    /// When that event happened, in milliseconds since the Unix epoch.
    pub changed_at_ms: u64,
    /// The highest number ever allotted to a version; 0 before the first.
    pub last_version: u64,
    /// The lowest tier that a version must have to be created or promoted:
    /// the highest ever promoted, until an operator lowers it.
    pub tier: Option<RiskTier>,
    /// Every version that was not deleted.
    pub versions: BTreeMap<Version, VersionRecord>,
    /// Every environment that ever served a version.
    pub environments: BTreeMap<Environment, Serving>,
    /// Who pushed what last.
    pub pushers: Vec<Pusher>,
    /// The commands of late.
    pub recent: Recent,
}

/// Somebody whose hand was in a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pusher {
    /// Who.
    pub person: Person,
    /// The highest version that they pushed.
    pub version: Version,
}

impl Extension {
    /// An extension without history.
    #[must_use]
    pub fn new(tenant: TenantId, extension: ExtensionId) -> Self {
        Self {
            schema: SchemaV1,
            tenant,
            extension,
            generation: 0,
            applied_seq: 0,
            changed_at_ms: 0,
            last_version: 0,
            tier: None,
            versions: BTreeMap::new(),
            environments: BTreeMap::new(),
            pushers: Vec::new(),
            recent: Recent::default(),
        }
    }

    /// The state after a whole history.
    ///
    /// # Errors
    /// When an event is missing or does not fit those before it.
    pub fn fold<'e>(tenant: TenantId, extension: ExtensionId, events: impl IntoIterator<Item = &'e Event>) -> Result<Self, ApplyError> {
        let mut state = Self::new(tenant, extension);
        events.into_iter().try_for_each(|event| state.apply(event))?;
        Ok(state)
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.applied_seq == 0
    }

    /// Whether `version` was created and deleted since.
    #[must_use]
    pub fn is_deleted(&self, version: Version) -> bool {
        version.get() <= self.last_version && !self.versions.contains_key(&version)
    }

    /// What `env` serves.
    #[must_use]
    pub fn serving(&self, env: Environment) -> Option<&Serving> {
        self.environments.get(&env)
    }

    /// The version that `env` falls back to: the last one served before the
    /// current that was neither rolled back from nor retired.
    #[must_use]
    pub fn last_good(&self, env: Environment) -> Option<Version> {
        let before = self.serving(env)?.history.iter().rev().skip(1);
        before.filter(|past| !past.rolled_back && self.is_in_use(past.version)).map(|past| past.version).next()
    }

    /// The versions that `env` could be rolled back to, the latest served first.
    #[must_use]
    pub fn rollback_targets(&self, env: Environment) -> Vec<Version> {
        let before = self.serving(env).into_iter().flat_map(|serving| serving.history.iter().rev().skip(1));
        before.map(|past| past.version).filter(|&version| self.is_in_use(version)).collect()
    }

    /// The versions that the entry of `env` lists: current, pinned, last good.
    #[must_use]
    pub fn listed(&self, env: Environment) -> BTreeSet<Version> {
        let Some(serving) = self.serving(env) else { return BTreeSet::new() };
        let pinned = serving.caller_pins.values().chain(serving.hook_pins.values()).copied();
        pinned.chain([serving.current]).chain(self.last_good(env)).collect()
    }

    /// The environments whose entries `change` would alter, once applied.
    #[must_use]
    pub fn touched_by(&self, change: &Change) -> Vec<Environment> {
        match *change {
            Change::Promoted { env, .. } | Change::RolledBack { env, .. } | Change::Pinned { env, .. } | Change::EnabledSet { env, .. } => vec![env],
            // Nothing serves it, but an entry may fall back to it.
            Change::Retired { version } | Change::VersionDeleted { version } => {
                Environment::ALL.iter().copied().filter(|&env| self.last_good(env) == Some(version)).collect()
            }
            Change::VersionCreated { .. }
            | Change::CompileRequested { .. }
            | Change::VersionBuilt { .. }
            | Change::VersionFailed { .. }
            | Change::ReviewSubmitted { .. }
            | Change::Approved { .. }
            | Change::Rejected { .. }
            | Change::WaiverRequested { .. }
            | Change::WaiverGranted { .. }
            | Change::TierLowered { .. }
            | Change::SourceDeleted { .. } => Vec::new(),
        }
    }

    fn is_in_use(&self, version: Version) -> bool {
        self.versions.get(&version).is_some_and(|record| record.retired_at_ms.is_none())
    }
}
