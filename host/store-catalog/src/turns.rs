//! How much is done at once, over all and for each tenant.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use extensions_types::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Entries read at once: enough to hide a store's latency, at most 4 MiB each.
/// Of one tenant fewer: its thousand unread extensions keep no other's waiting.
const READS: Bound = Bound { all: 32, of_tenant: 4 };
/// Loads that no call waits for. Where code must be compiled first, one takes
/// seconds: as many as there are must not keep a promotion waiting whose code is stored.
const LOADS: Bound = Bound { all: 256, of_tenant: 4 };

/// At once, over all tenants and for each.
#[derive(Debug, Clone, Copy)]
struct Bound {
    all: usize,
    of_tenant: usize,
}

/// Places, given in the order of asking.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    of_tenant: usize,
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

/// The right to begin; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _tenant: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Turns {
    pub(crate) fn of_reads() -> Self {
        Self::of(READS)
    }

    pub(crate) fn of_loads() -> Self {
        Self::of(LOADS)
    }

    fn of(bound: Bound) -> Self {
        Self { all: Arc::new(Semaphore::new(bound.all)), of_tenant: bound.of_tenant, tenants: Mutex::default() }
    }

    /// Waits for a place, in the order of asking.
    pub(crate) async fn turn(&self, tenant: &TenantId) -> Turn {
        let closed = "nobody closes these semaphores";
        let tenant = self.of_tenant(tenant).acquire_owned().await.expect(closed);
        Turn { _tenant: tenant, _all: Arc::clone(&self.all).acquire_owned().await.expect(closed) }
    }

    fn of_tenant(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = tenants.get(tenant).and_then(Weak::upgrade) {
            return semaphore;
        }
        // Tenants for whom nothing is done now leave no trace.
        tenants.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.of_tenant));
        tenants.insert(tenant.clone(), Arc::downgrade(&semaphore));
        semaphore
    }
}
