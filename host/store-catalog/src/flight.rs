//! Work on one slot: read its entry, check it, have it brought to calls, copy it to disk.
//!
//! One flight at a time for each slot; whoever wants something joins it. It
//! outlives the call that began it.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use extensions_artifact::{Etag, Object, StoreError};
use extensions_catalog::{Entry, Unread};
use tokio::task::JoinHandle;

use crate::{
    bring::superseded,
    catalog::Inner,
    document::{Checked, Order, Refused, check},
    slot::{Begun, Flight, Slot, Wish},
};

/// What a round found.
enum Found {
    /// A document to take.
    New(Box<Candidate>),
    /// What was taken before.
    Same,
    /// The store has no such entry.
    Gone,
    /// Nothing that could be taken, and why.
    Failed(Unread, String),
}

/// A document that may be taken.
pub(crate) struct Candidate {
    pub(crate) entry: Entry,
    pub(crate) order: Order,
    /// None for the copy on disk.
    pub(crate) etag: Option<Etag>,
    pub(crate) bytes: Bytes,
    /// Why it is not what the store has.
    pub(crate) problem: Option<String>,
}

/// What the last copy on disk shall become.
enum ToDisk {
    Save(Bytes),
    Remove,
}

impl Inner {
    /// Joins the flight of `slot`, or begins one.
    pub(crate) fn fly(self: &Arc<Self>, slot: &Arc<Slot>, wish: Wish) -> Flight {
        let (flight, begun) = slot.join_or_begin(wish);
        if let Some(begun) = begun {
            let (inner, slot) = (Arc::clone(self), Arc::clone(slot));
            self.background.spawn(async move { inner.flight(&slot, &begun).await });
        }
        flight
    }

    async fn flight(self: &Arc<Self>, slot: &Arc<Slot>, begun: &Begun) {
        let mut saving: Option<JoinHandle<()>> = None;
        loop {
            let to_disk = self.round(slot, begun).await;
            self.note(slot);
            if let Some(to_disk) = to_disk {
                // One after the other: an older state must not overwrite a newer one.
                if let Some(before) = saving.take() {
                    let _ = before.await;
                }
                saving = Some(self.keep(slot, to_disk));
            }
            if let Some(writing) = &mut saving {
                // A disk that is slow keeps no newer state from calls.
                tokio::select! {
                    _ = writing => saving = None,
                    () = superseded(slot, begun) => continue,
                }
            }
            if slot.end() {
                break;
            }
        }
        self.sweep();
    }

    /// Reads the entry and lets calls see what it says. What the disk shall have of it.
    async fn round(self: &Arc<Self>, slot: &Arc<Slot>, begun: &Begun) -> Option<ToDisk> {
        let load = slot.begin_round();
        match self.take(slot).await {
            Found::New(candidate) => self.bring(slot, *candidate, load, begun).await.map(ToDisk::Save),
            Found::Same => {
                slot.cold().recover();
                self.bring_rest(slot, load, None, begun).await;
                None
            }
            Found::Gone => {
                self.forget(slot);
                Some(ToDisk::Remove)
            }
            Found::Failed(error, problem) => {
                slot.cold().fail(error, problem);
                None
            }
        }
    }

    /// Brings the copy on disk up to date, on its own.
    fn keep(self: &Arc<Self>, slot: &Slot, to_disk: ToDisk) -> JoinHandle<()> {
        let (inner, of) = (Arc::clone(self), slot.of.clone());
        self.background.spawn(async move {
            let copy = inner.copy.clone();
            // Held until it is written: syncs must not fill the threads that loads need.
            let _place = inner.saves.acquire().await;
            inner
                .on_disk(move || match to_disk {
                    ToDisk::Save(bytes) => copy.save_entry(&of, &bytes),
                    ToDisk::Remove => copy.remove_entry(&of),
                })
                .await;
        })
    }

    /// Reads the entry: from the store, or from the copy where the store fails.
    async fn take(self: &Arc<Self>, slot: &Arc<Slot>) -> Found {
        let _turn = self.reads.turn(&slot.of.tenant).await;
        let is_first = slot.cold().taken.is_none();
        if is_first
            && !self.reachable.load(Relaxed)
            && let Some(candidate) = self.from_copy(slot, None).await
        {
            return Found::New(Box::new(candidate));
        }
        let (error, problem) = match self.store.get(&slot.of.entry(self.env)).await {
            Ok(None) => return Found::Gone,
            Ok(Some(object)) => match self.checked(slot, object, is_first).await {
                Ok(found) => return found,
                Err(problem) => (Unread::Damaged, problem),
            },
            Err(error @ StoreError::TooLarge { .. }) => (Unread::Damaged, error.to_string()),
            Err(error) => (Unread::Unavailable, format!("{error}: {}", causes(&error))),
        };
        if slot.is_news(&problem) {
            tracing::warn!(env = %self.env, entry = %slot.of, problem, "an entry is not taken from the store");
        }
        match if is_first { self.from_copy(slot, Some(problem.clone())).await } else { None } {
            Some(candidate) => Found::New(Box::new(candidate)),
            None => Found::Failed(error, problem),
        }
    }

    async fn checked(self: &Arc<Self>, slot: &Arc<Slot>, object: Object, is_first: bool) -> Result<Found, String> {
        let taken = slot.cold().taken.clone();
        if taken.as_ref().is_some_and(|taken| taken.etag.as_ref() == Some(&object.etag)) && slot.served().is_some() {
            return Ok(Found::Same);
        }
        let Object { bytes, etag } = object;
        let Checked { entry, order } = self.check(slot, bytes.clone()).await.map_err(|refused| refused.to_string())?;
        let floor = match taken {
            Some(taken) => Some(taken.order),
            // What this host served before its restart binds it too.
            None if is_first => self.copied_order(slot).await,
            None => None,
        };
        match floor {
            Some(floor) if order < floor => Err(format!("the store has an older state {order:?} than the one served before {floor:?}")),
            Some(_) | None => Ok(Found::New(Box::new(Candidate { entry, order, etag: Some(etag), bytes, problem: None }))),
        }
    }

    async fn copied_order(self: &Arc<Self>, slot: &Arc<Slot>) -> Option<Order> {
        Some(self.from_copy(slot, None).await?.order)
    }

    async fn from_copy(self: &Arc<Self>, slot: &Arc<Slot>, problem: Option<String>) -> Option<Candidate> {
        let (copy, of) = (self.copy.clone(), slot.of.clone());
        let bytes = tokio::task::spawn_blocking(move || copy.entry(&of)).await.ok()??;
        let Checked { entry, order } = match self.check(slot, bytes.clone()).await {
            Ok(checked) => checked,
            Err(refused) => {
                tracing::warn!(env = %self.env, entry = %slot.of, %refused, "the last copy of an entry is unusable");
                return None;
            }
        };
        Some(Candidate { entry, order, etag: None, bytes, problem })
    }

    /// Parsing may take milliseconds: not on the thread that polls.
    async fn check(self: &Arc<Self>, slot: &Arc<Slot>, bytes: Bytes) -> Result<Checked, Refused> {
        let (inner, slot) = (Arc::clone(self), Arc::clone(slot));
        let checked = tokio::task::spawn_blocking(move || check(&bytes, inner.env, &slot.of, &inner.blobs)).await;
        checked.unwrap_or_else(|error| Err(Refused::Reading(error.to_string())))
    }
}

/// An error's causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
