//! How many compile children run at once: few, and one for each tenant.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use extensions_types::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for compile children. A tenant holds one at most, so that its flood
/// of new versions never keeps another's waiting for more than one compile.
#[derive(Debug)]
pub(crate) struct Compiles {
    places: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Weak<Semaphore>>>,
}

/// A tenant's turn; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _tenant: OwnedSemaphorePermit,
}

/// The right to compile; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _turn: Turn,
    _place: OwnedSemaphorePermit,
}

impl Default for Compiles {
    fn default() -> Self {
        // Half the cores: the other half goes on serving.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { places: Arc::new(Semaphore::new((cores / 2).max(1))), tenants: Mutex::default() }
    }
}

impl Compiles {
    /// Waits until the tenant compiles nothing else. None once the host is going.
    pub(crate) async fn turn(&self, tenant: &TenantId) -> Option<Turn> {
        self.of_tenant(tenant).acquire_owned().await.ok().map(|permit| Turn { _tenant: permit })
    }

    /// Waits for a place, in the order of asking. None once the host is going.
    pub(crate) async fn place(&self, turn: Turn) -> Option<Place> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        Some(Place { _turn: turn, _place: place })
    }

    fn of_tenant(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = tenants.get(tenant).and_then(Weak::upgrade) {
            return semaphore;
        }
        // Tenants that compile nothing now leave no trace.
        tenants.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(1));
        tenants.insert(tenant.clone(), Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_compiles_one_at_a_time() {
        let compiles = Compiles { places: Arc::new(Semaphore::new(2)), tenants: Mutex::default() };
        let (a, b) = (TenantId::parse("a").unwrap(), TenantId::parse("b").unwrap());
        let place = async |tenant| compiles.place(compiles.turn(tenant).await.unwrap()).await.unwrap();
        let first = place(&a).await;
        let mut second = Box::pin(place(&a));
        assert!(futures_poll(second.as_mut()).is_none(), "the tenant's second compile waits");
        let other = place(&b).await;
        drop(first);
        let second = second.await;
        drop((second, other));
        place(&a).await;
        assert!(compiles.tenants.lock().unwrap().len() <= 2);
    }

    fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
