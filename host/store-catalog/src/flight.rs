//! Work on one slot: read its entry, check it, load what must be loaded, let calls see it.
//!
//! One flight at a time for each slot; whoever wants something joins it. It
//! outlives the call that began it.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use extensions_artifact::{Etag, Object, StoreError};
use extensions_catalog::{DefinitionKey, Entry, ServedVersion, Unread};

use crate::{
    catalog::Inner,
    document::{Checked, Order, Refused, check},
    hold::{held, reachable},
    slot::{Begun, Flight, Slot, Taken, Wish},
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

struct Candidate {
    entry: Entry,
    order: Order,
    /// None for the copy on disk.
    etag: Option<Etag>,
    bytes: Bytes,
    /// Why it is not what the store has.
    problem: Option<String>,
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
        loop {
            let load = slot.begin_round();
            let saved = match self.take(slot).await {
                Found::New(candidate) => self.bring(slot, *candidate, load, begun).await,
                Found::Same => {
                    slot.cold().recover();
                    self.bring_rest(slot, load, None, begun).await;
                    None
                }
                Found::Gone => {
                    self.forget(slot);
                    let (copy, of) = (self.copy.clone(), slot.of.clone());
                    self.on_disk(move || copy.remove_entry(&of)).await;
                    None
                }
                Found::Failed(error, problem) => {
                    let mut cold = slot.cold();
                    cold.fail(error);
                    cold.problem = Some(problem.into());
                    None
                }
            };
            if let Some(bytes) = saved {
                let (copy, of) = (self.copy.clone(), slot.of.clone());
                self.on_disk(move || copy.save_entry(&of, &bytes)).await;
            }
            if slot.end() {
                break;
            }
        }
        self.sweep();
    }

    /// Reads the entry: from the store, or from the copy where the store fails.
    async fn take(self: &Arc<Self>, slot: &Arc<Slot>) -> Found {
        let _turn = self.turns.turn(&slot.of.tenant).await;
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

    /// Takes a document. The bytes to copy to disk, where they came from the store.
    async fn bring(self: &Arc<Self>, slot: &Arc<Slot>, candidate: Candidate, load: bool, begun: &Begun) -> Option<Bytes> {
        let Candidate { entry, order, etag, bytes, problem } = candidate;
        let from_store = etag.is_some();
        {
            let mut cold = slot.cold();
            cold.recover();
            let freed = cold.taken.replace(Taken { etag, order, bytes: bytes.len() as u64 }).map_or(0, |taken| taken.bytes);
            self.entries_bytes.fetch_add(bytes.len() as u64, Relaxed);
            self.entries_bytes.fetch_sub(freed, Relaxed);
            cold.wanted = Some(Arc::new(entry));
        }
        self.bring_rest(slot, load, problem, begun).await;
        from_store.then_some(bytes)
    }

    /// Lets calls see what is wanted, its versions loaded first where their
    /// extension is in use. `problem` is why that is not what the store has.
    async fn bring_rest(self: &Arc<Self>, slot: &Arc<Slot>, load: bool, problem: Option<String>, begun: &Begun) {
        let wanted = slot.cold().wanted.clone();
        let Some(wanted) = wanted.or_else(|| if load { slot.served() } else { None }) else { return };
        let is_loaded = |version: &ServedVersion| self.is_loaded(version);
        let old = slot.served();
        let in_use = |old: &Arc<Entry>| reachable(old).any(|version| is_loaded(version));
        let Some(old) = old.filter(|old| load || in_use(old)) else {
            // Nothing to hold on to: calls wait for their load, which begins here where that is asked for.
            slot.serve(Arc::clone(&wanted));
            begun.told.send_replace(true);
            let loading = if load { self.load(slot, &wanted, begun).await } else { Loading::default() };
            let mut cold = slot.cold();
            cold.wanted = None;
            cold.settle(loading.problem.or(problem));
            return;
        };
        // Switches take effect before anything is loaded.
        slot.serve(Arc::new(held(&old, &wanted, is_loaded)));
        begun.told.send_replace(true);
        let loading = self.load(slot, &wanted, begun).await;
        slot.serve(Arc::new(held(&old, &wanted, |version| loading.loaded.contains(&version.key()) || is_loaded(version))));
        let mut cold = slot.cold();
        if loading.problem.is_none() && !loading.is_cut {
            cold.wanted = None;
        }
        cold.settle(loading.problem.or(problem));
    }

    /// Loads what calls of `wanted` could get, unless another state comes in between.
    async fn load(&self, slot: &Slot, wanted: &Entry, begun: &Begun) -> Loading {
        let mut loading = Loading::default();
        let (Some(loads), true) = (self.loads.get(), wanted.enabled) else { return loading };
        for version in reachable(wanted) {
            let loaded = tokio::select! {
                loaded = loads.load(version) => loaded,
                () = superseded(slot, begun) => {
                    loading.is_cut = true;
                    break;
                }
            };
            match loaded {
                Ok(()) => drop(loading.loaded.insert(version.key())),
                Err(why) => {
                    let number = version.definition.version;
                    let problem = format!("version {number} cannot be loaded: {why}");
                    if slot.is_news(&problem) {
                        tracing::warn!(env = %self.env, entry = %slot.of, problem, "a state is not served as it should be");
                    }
                    loading.problem = Some(problem);
                }
            }
        }
        loading
    }

    pub(crate) fn is_loaded(&self, version: &ServedVersion) -> bool {
        self.loads.get().is_some_and(|loads| loads.is_loaded(version))
    }
}

/// How loading a state ended.
#[derive(Default)]
struct Loading {
    loaded: HashSet<DefinitionKey>,
    problem: Option<String>,
    /// Another state came; the next round brings it.
    is_cut: bool,
}

async fn superseded(slot: &Slot, begun: &Begun) {
    loop {
        begun.again.notified().await;
        // A permit may be left from a wish that this round has answered.
        if slot.is_asked_again() {
            return;
        }
    }
}

/// An error's causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
