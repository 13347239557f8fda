//! What a hint makes this host do: read one entry, look at control, or list.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use extensions_artifact::Owned;
use extensions_catalog::Urgency;
use extensions_types::{ExtensionId, TenantId};
use tokio::time::Instant;

use crate::{
    catalog::Inner,
    hints::{Hint, Place},
    slot::{Slot, Wish},
};

impl Inner {
    pub(crate) fn hint(self: &Arc<Self>, hint: Hint) {
        match hint {
            Hint::Entry { tenant, extension, seq } if self.has(&tenant, &extension, seq) => drop(self.hints.counts.known.fetch_add(1, Relaxed)),
            Hint::Entry { tenant, extension, .. } => {
                let Some(place) = self.hints.admit() else { return };
                let (inner, of, heard) = (Arc::clone(self), Owned::new(tenant, extension), Instant::now());
                self.background.spawn(async move { inner.heed(of, heard, place).await });
            }
            Hint::Control { seq } if seq <= self.control.load().order.1 => drop(self.hints.counts.known.fetch_add(1, Relaxed)),
            Hint::Control { .. } => {
                self.hints.counts.heeded.fetch_add(1, Relaxed);
                self.hints.control.notify_one();
            }
            Hint::Everything => {
                self.hints.counts.heeded.fetch_add(1, Relaxed);
                self.hints.control.notify_one();
                self.hints.list.notify_one();
            }
        }
    }

    /// Whether this host has taken the entry as far as `seq`.
    fn has(&self, tenant: &TenantId, extension: &ExtensionId, seq: u64) -> bool {
        let index = self.index.load();
        index.get(tenant, extension).is_some_and(|slot| slot.cold().taken.as_ref().is_some_and(|taken| seq <= taken.order.1))
    }

    async fn heed(self: &Arc<Self>, of: Owned, heard: Instant, _place: Place) {
        let Some(slot) = self.hinted(&of).await else { return };
        slot.cold().heard.get_or_insert(heard);
        let mut flight = self.fly(&slot, Wish::Load(Urgency::Warm));
        // Ends by its channel's end.
        let _ = flight.told.wait_for(|_| false).await;
    }

    /// The slot that a hint names. A name that is not in the index is asked for
    /// before it changes anything: inventing names must cost no more than a look.
    async fn hinted(self: &Arc<Self>, of: &Owned) -> Option<Arc<Slot>> {
        if let Some(slot) = self.index.load().get(&of.tenant, &of.extension) {
            return Some(Arc::clone(slot));
        }
        let _turn = self.reads.turn(&of.tenant).await;
        match self.store.head(&of.entry(self.env)).await {
            Ok(Some(_)) => Some(self.slot_for(&of.tenant, &of.extension)),
            Ok(None) => {
                self.hints.counts.absent.fetch_add(1, Relaxed);
                None
            }
            // The list brings it, once the store is back.
            Err(_) => None,
        }
    }
}
