//! Follows the entries: lists them, has changed ones read, and falls back to the
//! last copy where the store is gone at the start.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use extensions_artifact::{Etag, Key, Owned, Prefix, StoreError};
use extensions_catalog::{Origin, Urgency};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::{
    catalog::Inner,
    index::Index,
    slot::{Slot, Wish},
};

/// A store that has not answered at the start within this time is taken for gone.
pub(crate) const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// More names than this are no environment of ours; the rest is passed over, and said.
const ENTRIES_MAX: usize = 250_000;
/// Names that a list no longer has are asked for one by one, so many at a time.
const CONFIRMED_MAX: usize = 256;

/// Entries that changed and that no call has read: so many of a list are read.
const UNREAD_MAX: usize = 256;
/// Hints make no more lists than one in this time.
const LIST_GAP: Duration = Duration::from_secs(1);
/// All hosts hear of a lost connection at once; they list about so much later, and not together.
const HEARD_TOGETHER: Duration = Duration::from_millis(100);

/// What the store lists.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    rows: Vec<(Owned, Etag)>,
    foreign: u64,
}

impl Inner {
    /// Lists the entries again and again.
    pub(crate) async fn poll(self: Arc<Self>) {
        let mut began = Instant::now();
        let mut first = Box::pin(self.list());
        let listed = match tokio::time::timeout(FIRST_PATIENCE, &mut first).await {
            Ok(listed) => listed,
            Err(_) => {
                self.adopt_index().await;
                first.await
            }
        };
        self.listed(listed).await;
        let (copy, index) = (self.copy.clone(), self.index.load_full());
        if index.origin == Origin::Store {
            self.on_disk(move || copy.keep_only(|tenant, extension| index.get(tenant, extension).is_some())).await;
        }
        loop {
            self.until_next_list(began).await;
            began = Instant::now();
            let listed = self.list().await;
            self.listed(listed).await;
        }
    }

    /// Until the period since the last list's begin is over, or a hint asks for a list.
    async fn until_next_list(&self, began: Instant) {
        let now = Instant::now();
        // A store whose lists take longer than the period gets some rest.
        let due = (began + jittered(self.settings.poll())).max(now + self.settings.poll() / 5);
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            () = self.hints.list.notified() => {
                tokio::time::sleep_until((now + LIST_GAP).max(Instant::now() + jittered(HEARD_TOGETHER)).min(due)).await;
            }
        }
    }

    async fn list(&self) -> Result<Listing, StoreError> {
        let mut rows = Box::pin(self.store.list(&Prefix::Entries(self.env), None));
        let mut listing = Listing::default();
        while let Some(row) = rows.next().await {
            let row = row?;
            match row.key {
                Key::Entry { env, of } if env == self.env && listing.rows.len() < ENTRIES_MAX => listing.rows.push((of, row.etag)),
                _ => listing.foreign += 1,
            }
        }
        Ok(listing)
    }

    async fn listed(self: &Arc<Self>, listed: Result<Listing, StoreError>) {
        let was_reachable = self.reachable.swap(listed.is_ok(), Relaxed);
        match listed {
            Ok(listing) => {
                if !was_reachable {
                    tracing::info!(env = %self.env, entries = listing.rows.len(), "the store's entries are listed");
                }
                if listing.foreign > 0 {
                    tracing::warn!(env = %self.env, objects = listing.foreign, "objects among the entries that are none are passed over");
                }
                self.apply(listing);
                // Also what hints brought since the last list, and what a read found gone.
                if self.unsaved.swap(false, Relaxed) {
                    self.save_index().await;
                }
            }
            Err(error) => {
                if was_reachable || !self.index.load().is_known() {
                    tracing::error!(env = %self.env, error = &error as &dyn std::error::Error, "the entries cannot be listed; what is known goes on");
                }
                self.adopt_index().await;
            }
        }
        self.preload();
    }

    /// Brings the index to what was listed.
    /// What changed below a name is its slot's affair: nothing is copied for it.
    fn apply(self: &Arc<Self>, listing: Listing) {
        let seen = self.lists.fetch_add(1, Relaxed) + 1;
        let (mut new, mut stirred, mut calmed) = (Vec::new(), Vec::new(), Vec::new());
        let index = self.index.load_full();
        let mut unread = UNREAD_MAX;
        for (of, etag) in listing.rows {
            let Some(slot) = index.get(&of.tenant, &of.extension) else {
                new.push(Arc::new(Slot::new(of, Some(etag), seen)));
                continue;
            };
            let mut cold = slot.cold();
            cold.seen = seen;
            let before = cold.listed.replace(etag);
            if !cold.is_flying() && cold.calm() {
                calmed.push(Arc::clone(slot));
            }
            let is_behind = !cold.is_current() || cold.wanted.is_some();
            // Nobody waits for what no call has read; that this host knows of its change, somebody may.
            let is_new = index.origin == Origin::Store && before != cold.listed && unread > 0;
            if is_behind && !cold.is_flying() && (slot.served().is_some() || is_new) {
                unread -= usize::from(slot.served().is_none());
                stirred.push(Arc::clone(slot));
            }
        }
        calmed.iter().for_each(|slot| self.note(slot));
        let fresh: Vec<_> = if index.origin == Origin::Store { new.iter().take(unread).map(|slot| slot.of.clone()).collect() } else { Vec::new() };
        let vanished: Vec<_> = index.slots().filter(|slot| slot.cold().seen != seen).take(CONFIRMED_MAX).cloned().collect();
        if !new.is_empty() || index.origin != Origin::Store {
            self.change_index(|index| {
                index.origin = Origin::Store;
                // Somebody may have added it meanwhile, and calls may know that slot.
                let new = new.into_iter().filter(|slot| index.get(&slot.of.tenant, &slot.of.extension).is_none()).collect::<Vec<_>>();
                index.add(new);
            });
        }
        let index = self.index.load_full();
        stirred.extend(fresh.iter().filter_map(|of| index.get(&of.tenant, &of.extension)).cloned());
        *self.listed_at() = Some(Instant::now());
        // A list may be older than what was written since: only a read says that an entry is gone.
        for slot in stirred.iter().chain(&vanished) {
            self.fly(slot, Wish::Change);
        }
    }

    /// Uses the last copy, where nothing is known yet.
    async fn adopt_index(self: &Arc<Self>) {
        if self.index.load().is_known() {
            return;
        }
        self.reachable.store(false, Relaxed);
        let copy = self.copy.clone();
        let Ok(Some(rows)) = tokio::task::spawn_blocking(move || copy.index()).await else { return };
        tracing::warn!(env = %self.env, entries = rows.len(), "the store is not there; the last copy of the index is used");
        let slots: Vec<_> = rows.into_iter().map(|(of, etag)| Arc::new(Slot::new(of, etag, 0))).collect();
        self.change_index(|index| {
            if !index.is_known() {
                index.origin = Origin::LastCopy;
                let unknown: Vec<_> = slots.into_iter().filter(|slot| index.get(&slot.of.tenant, &slot.of.extension).is_none()).collect();
                index.add(unknown);
            }
        });
    }

    /// Changes the index, one change at a time.
    pub(crate) fn change_index(&self, change: impl FnOnce(&mut Index)) {
        let _one = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut index = Index::clone(&self.index.load());
        change(&mut index);
        self.index.store(Arc::new(index));
        self.unsaved.store(true, Relaxed);
    }

    pub(crate) async fn save_index(&self) {
        let index = self.index.load_full();
        let rows: Vec<_> = index.slots().map(|slot| (slot.of.clone(), slot.cold().listed.clone())).collect();
        let copy = self.copy.clone();
        self.on_disk(move || copy.save_index(rows)).await;
    }

    fn preload(self: &Arc<Self>) {
        let index = self.index.load();
        for wanted in &self.settings.preload {
            if let Some(slot) = index.get(&wanted.0.tenant, &wanted.0.extension)
                && slot.served().is_none()
                && slot.cold().failed().is_none()
            {
                self.fly(slot, Wish::Load(Urgency::Preload));
            }
        }
    }

    /// Runs file work where it may block. A disk that fails costs the copy, never a call.
    pub(crate) async fn on_disk(&self, work: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(env = %self.env, %error, "the last copy on disk cannot be brought up to date"),
            // The runtime is going.
            Err(_) => {}
        }
    }
}

/// `period`, or up to a fifth less: hosts that started together do not stay
/// together, and none is later than its settings say.
pub(crate) fn jittered(period: Duration) -> Duration {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    period.mul_f64(0.8 + 0.2 * (random % 1_024) as f64 / 1_024.0)
}
