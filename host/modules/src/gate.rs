//! Waiting for a place, in the order that [`Line`] says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use extensions_types::TenantId;
use tokio::sync::oneshot;

use crate::line::{Line, Need, Places};

/// A few places, and those who wait for one. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Mutex<Line<oneshot::Sender<Place>>>>);

/// A place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Gate,
    tenant: TenantId,
}

impl Gate {
    pub(crate) fn new(places: Places) -> Self {
        Self(Arc::new(Mutex::new(Line::new(places))))
    }

    /// Waits for a place. Who stops waiting is passed over at its turn. None once the host is going.
    pub(crate) async fn enter(&self, tenant: &TenantId, need: &Need) -> Option<Place> {
        let (ticket, place) = oneshot::channel();
        self.lock().join(tenant.clone(), need.clone(), ticket);
        self.look();
        place.await.ok()
    }

    /// Gives places to whoever may have one now.
    pub(crate) fn look(&self) {
        loop {
            let Some((tenant, ticket)) = self.lock().next() else { return };
            // Who waits no more lets the place go at once: dropping it looks again.
            let _ = ticket.send(Place { gate: self.clone(), tenant });
        }
    }

    /// How many wait, and how many places are taken.
    pub(crate) fn crowd(&self) -> (usize, usize) {
        let line = self.lock();
        (line.waiting(), line.taken())
    }

    fn lock(&self) -> MutexGuard<'_, Line<oneshot::Sender<Place>>> {
        // Each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.lock().leave(&self.tenant);
        self.gate.look();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use extensions_catalog::Urgency;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_tenant_has_one_place_at_a_time() {
        let gate = Gate::new(Places { all: 2, for_calls: 0, of_tenant: 1 });
        let (a, b) = (TenantId::parse("a").unwrap(), TenantId::parse("b").unwrap());
        let need = Need::new(Urgency::Called);
        let first = gate.enter(&a, &need).await.unwrap();
        let mut second = Box::pin(gate.enter(&a, &need));
        assert!(poll(second.as_mut()).is_none(), "the tenant's second waits");
        let other = gate.enter(&b, &need).await.unwrap();
        assert_eq!(gate.crowd(), (1, 2));
        drop(first);
        let second = second.await.unwrap();
        drop((second, other));
        assert_eq!(gate.crowd(), (0, 0));
    }

    #[tokio::test]
    async fn who_stops_waiting_keeps_no_place() {
        let gate = Gate::new(Places { all: 1, for_calls: 0, of_tenant: 1 });
        let need = Need::new(Urgency::Warm);
        let tenants = ["a", "b", "c"].map(|name| TenantId::parse(name).unwrap());
        let first = gate.enter(&tenants[0], &need).await.unwrap();
        let mut gone = Box::pin(gate.enter(&tenants[1], &need));
        let mut waits = Box::pin(gate.enter(&tenants[2], &need));
        assert!(poll(gone.as_mut()).is_none() && poll(waits.as_mut()).is_none());
        drop((gone, first));
        assert!(waits.await.is_some());
    }
}
