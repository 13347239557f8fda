//! How many entries are read at once: few, and fewer for each tenant.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use extensions_types::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads under way: enough to hide a store's latency, at most 4 MiB each.
const READS_MAX: usize = 32;
/// Of one tenant: its thousand unread extensions keep no other's waiting.
const READS_OF_TENANT_MAX: usize = 4;

/// Places for reads.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

/// The right to read; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _tenant: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(READS_MAX)), tenants: Mutex::default() }
    }
}

impl Turns {
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
        // Tenants of whom nothing is read now leave no trace.
        tenants.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(READS_OF_TENANT_MAX));
        tenants.insert(tenant.clone(), Arc::downgrade(&semaphore));
        semaphore
    }
}
