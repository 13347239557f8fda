//! What dev, staging and prod serve: one process, one store, three catalogs.

use std::{path::Path, pin::Pin, sync::Arc};

use extensions_artifact::Store;
use extensions_catalog::{Catalogs, Layered, Loads, Overlay};
use extensions_host::HostSettings;
use extensions_registry::Notify;
use extensions_store_catalog::{Following, NotFollowed, StoreCatalog};
use extensions_types::{Environment, ExtensionId, TenantId, with_causes};
use tokio::runtime::Handle;

use crate::failure::Failure;

/// The store's folder in the data directory.
const STORE: &str = "store";

/// The catalogs of all environments. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Environments {
    dev: StoreCatalog,
    staging: StoreCatalog,
    prod: StoreCatalog,
}

/// The embedded platform's store: what the settings name, else a folder of `data`.
pub(super) fn store(settings: &HostSettings, data: &Path) -> Result<Store, Failure> {
    let store = match &settings.store {
        Some(store) => Store::open(store),
        None => Store::local(&data.join(STORE)),
    };
    store.map_err(|error| Failure::Usage(with_causes(&error)))
}

impl Environments {
    /// Their catalogs in `store`; nothing is read yet.
    pub(super) fn open(store: &Store, settings: &HostSettings, data: &Path) -> Result<Self, Failure> {
        let open = |env| {
            let opened = StoreCatalog::open(env, store.clone(), settings.catalog.clone(), data, Handle::current());
            opened.map_err(|error| Failure::Usage(with_causes(&error)))
        };
        Ok(Self { dev: open(Environment::Dev)?, staging: open(Environment::Staging)?, prod: open(Environment::Prod)? })
    }

    /// As a host serves them: the folders of `ext dev` lie above dev.
    pub(super) fn catalogs(&self, folders: &Arc<Overlay>) -> Catalogs {
        let dev = Layered::new(Arc::clone(folders), Arc::new(self.dev.clone()));
        let with_staging = Catalogs::of(Environment::Dev, Arc::new(dev)).and(Environment::Staging, Arc::new(self.staging.clone()));
        with_staging.and(Environment::Prod, Arc::new(self.prod.clone()))
    }

    /// Follows the store with what loads versions, until this is dropped.
    pub(super) fn follow(&self, loads: &Arc<dyn Loads>) -> Vec<Following> {
        [&self.dev, &self.staging, &self.prod].map(|catalog| catalog.follow(Arc::clone(loads))).into()
    }

    pub(super) fn of(&self, env: Environment) -> &StoreCatalog {
        match env {
            Environment::Dev => &self.dev,
            Environment::Staging => &self.staging,
            Environment::Prod => &self.prod,
        }
    }
}

/// A command is answered when calls get what it changed. What cannot be served
/// yet is in history all the same, so that the command has succeeded.
impl Notify for Environments {
    fn entry_changed(&self, env: Environment, tenant: TenantId, extension: ExtensionId, seq: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Err(error) = self.of(env).refresh(&tenant, &extension).await {
                not_served(env, seq, &error);
            }
        })
    }

    fn control_changed(&self, env: Environment, seq: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if let Err(error) = self.of(env).refresh_control().await {
                not_served(env, seq, &error);
            }
        })
    }
}

fn not_served(env: Environment, seq: u64, error: &NotFollowed) {
    tracing::warn!(%env, seq, %error, "a change is stored but not served yet");
}
