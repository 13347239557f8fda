//! The ledger: one registry's hand on the stores. Several may work on the same
//! stores at the same time, here or on other machines.

use std::{sync::Arc, time::Duration};

use extensions_artifact::{Owned, Store};
use extensions_registry_core::{Extension, Policy};
use extensions_types::{EntryDocument, Environment};

use futures_util::future::try_join_all;
use tokio::time::timeout;

use crate::{Clock, LedgerError, Stores, documents, locks::Locks, nudges::Nudges, read, reconcile::Abandoned};

/// Earlier commands of one history take this long at most before the next one
/// gives up: some hundred of them, or a store that hangs.
pub(crate) const TURN_WAIT: Duration = Duration::from_secs(30);

/// A store that is ready answers a small list within this.
pub const PROBE_WAIT: Duration = Duration::from_secs(1);

/// Histories and what follows from them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) stores: Stores,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) histories: Locks<Owned>,
    pub(crate) controls: Locks<Environment>,
    pub(crate) nudges: Nudges,
    pub(crate) abandoned: Abandoned,
}

impl Ledger {
    /// A ledger over `stores`. Nothing is read or started: see [`Ledger::reconcile`].
    #[must_use]
    pub fn new(stores: Stores, policy: Policy, clock: Clock) -> Self {
        let inner = Inner {
            stores,
            policy,
            clock,
            histories: Locks::default(),
            controls: Locks::default(),
            nudges: Nudges::default(),
            abandoned: Abandoned::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The stores that it works on.
    #[must_use]
    pub fn stores(&self) -> &Stores {
        &self.inner.stores
    }

    /// The clock that events are stamped with.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The operators' settings of the lifecycle.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The state of an extension after all of its events; without any event
    /// ([`Extension::is_new`]) where there is no such extension.
    ///
    /// # Errors
    /// When its history cannot be read.
    pub async fn read(&self, of: &Owned) -> Result<Extension, LedgerError> {
        read::latest(self.stores(), of).await.map(|known| known.state)
    }

    /// The same from the events alone, whatever the snapshot says.
    ///
    /// # Errors
    /// When its history cannot be read or does not hold together.
    pub async fn fold(&self, of: &Owned) -> Result<Extension, LedgerError> {
        read::fold(self.stores(), of).await
    }

    /// What hosts of `env` read of an extension; none where nothing is served.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn entry(&self, of: &Owned, env: Environment) -> Result<Option<EntryDocument>, LedgerError> {
        Ok(documents::read_derived(self.stores().env(env), &of.entry(env)).await?.and_then(|found| found.value))
    }

    /// Whether every store can be reached: one small list of each, at the same time.
    ///
    /// # Errors
    /// The first store's failure, or that none came within [`PROBE_WAIT`].
    pub async fn probe(&self) -> Result<(), LedgerError> {
        let stores = self.stores();
        let envs = Environment::ALL.iter().map(|&env| stores.env(env));
        let probes = try_join_all(envs.chain([stores.registry()]).map(Store::probe));
        timeout(PROBE_WAIT, probes).await.map_err(|_| LedgerError::Busy)?.map(drop).map_err(LedgerError::from)
    }
}
