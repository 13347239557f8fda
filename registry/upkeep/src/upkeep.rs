//! One hand for all commands: the ledger, its stores, the settings.

use std::collections::BTreeSet;

use extensions_artifact::{Key, Owned, Prefix};
use extensions_registry_core::Extension;
use extensions_registry_ledger::{Ledger, LedgerError, RebuildOptions, RebuildReport};
use extensions_types::{Environment, ExtensionId, TenantId};
use futures_util::TryStreamExt as _;

use crate::{
    Place, UpkeepError, UpkeepSettings,
    clock::same_store,
    place::At,
    progress::{Counter, Step, Watcher},
};

/// A store with copies of components: not the registry's own. Environments may share one.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) at: At,
    pub(crate) envs: Vec<Environment>,
}

/// The commands of upkeep over one registry's stores. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upkeep {
    ledger: Ledger,
    settings: UpkeepSettings,
}

impl Upkeep {
    /// Upkeep of what `ledger` works on. `settings` have been checked.
    #[must_use]
    pub fn new(ledger: Ledger, settings: UpkeepSettings) -> Self {
        Self { ledger, settings }
    }

    /// What it keeps and how much it does at once.
    #[must_use]
    pub fn settings(&self) -> &UpkeepSettings {
        &self.settings
    }

    /// Derives heads and entries anew from all events, in a new generation.
    ///
    /// # Errors
    /// When the stores cannot be listed. What is missing is in the report.
    pub async fn rebuild(&self, only: Option<&TenantId>, watcher: Watcher<'_>) -> Result<RebuildReport, UpkeepError> {
        let mut counter = Counter::new(watcher, Step::Rebuild, None);
        let options = RebuildOptions { only: only.cloned(), verify_objects: true, ..RebuildOptions::default() };
        let report = self.ledger.rebuild(&options).await?;
        counter.add(report.extensions);
        Ok(report)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn registry(&self) -> At {
        At::new(Place::Registry, self.ledger.stores().registry())
    }

    pub(crate) fn env(&self, env: Environment) -> At {
        At::new(Place::Environment(env), self.ledger.stores().env(env))
    }

    pub(crate) fn at(&self, place: Place) -> At {
        match place {
            // No plan names a backup's object: it would be looked for in the registry's store and not be the same.
            Place::Registry | Place::Backup => self.registry(),
            Place::Environment(env) => self.env(env),
        }
    }

    /// The stores with copies, each once, with the environments that share it.
    pub(crate) async fn copies(&self) -> Result<Vec<Copies>, UpkeepError> {
        let mut all: Vec<Copies> = Vec::new();
        'envs: for &env in Environment::ALL {
            let at = self.env(env);
            if same_store(&self.registry(), &at).await? {
                continue;
            }
            for copies in &mut all {
                if same_store(&copies.at, &at).await? {
                    copies.envs.push(env);
                    continue 'envs;
                }
            }
            all.push(Copies { at, envs: vec![env] });
        }
        Ok(all)
    }

    pub(crate) async fn erased_tenants(&self) -> Result<BTreeSet<TenantId>, UpkeepError> {
        let rows = self.registry().list(&Prefix::Erased);
        rows.try_filter_map(|row| async move {
            Ok(match row.key {
                Key::Erased { tenant } => Some(tenant),
                _ => None,
            })
        })
        .try_collect()
        .await
    }

    /// Every tenant with objects in any of the stores.
    pub(crate) async fn all_tenants(&self, copies: &[Copies]) -> Result<BTreeSet<TenantId>, UpkeepError> {
        let mut tenants: BTreeSet<TenantId> = self.registry().tenants().await?.into_iter().collect();
        for Copies { at, .. } in copies {
            tenants.extend(at.tenants().await?);
        }
        Ok(tenants)
    }

    /// Every extension of a tenant with objects in any of the stores.
    pub(crate) async fn all_extensions(&self, tenant: &TenantId, copies: &[Copies]) -> Result<BTreeSet<ExtensionId>, UpkeepError> {
        let mut extensions: BTreeSet<ExtensionId> = self.registry().extensions(tenant).await?.into_iter().collect();
        for Copies { at, .. } in copies {
            extensions.extend(at.extensions(tenant).await?);
        }
        Ok(extensions)
    }

    /// The state by the events alone. A history that does not hold together is
    /// the inner error: the rest of the work goes on without it.
    pub(crate) async fn history(&self, of: &Owned) -> Result<Result<Extension, LedgerError>, UpkeepError> {
        match self.ledger.fold(of).await {
            Ok(state) => Ok(Ok(state)),
            Err(broken @ (LedgerError::History { .. } | LedgerError::Document { .. } | LedgerError::Corrupt { .. })) => Ok(Err(broken)),
            Err(error) => Err(error.into()),
        }
    }
}
