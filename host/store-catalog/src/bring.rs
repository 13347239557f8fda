//! From a checked entry to what calls see: load what must be loaded, then switch.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use extensions_catalog::{DefinitionKey, Entry, Loads, ServedVersion, Urgency};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::{
    catalog::Inner,
    flight::Candidate,
    hold::{held, reachable},
    served::{Served, ServedState},
    slot::{Begun, Slot, Taken},
};

/// Versions of one entry that are loaded at once: current and pins, as a rule one or two.
const LOADS_OF_ENTRY: usize = 4;

impl Inner {
    /// Takes a document. The bytes to copy to disk, where they came from the store.
    pub(crate) async fn bring(self: &Arc<Self>, slot: &Arc<Slot>, candidate: Candidate, load: Option<Urgency>, begun: &Begun) -> Option<Bytes> {
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
    /// extension is in use or somebody asks for it. `problem` is why that is not what the store has.
    pub(crate) async fn bring_rest(self: &Arc<Self>, slot: &Arc<Slot>, load: Option<Urgency>, problem: Option<String>, begun: &Begun) {
        let began = Instant::now();
        let wanted = slot.cold().wanted.clone();
        let Some(wanted) = wanted.or_else(|| load.and_then(|_| slot.served())) else {
            slot.cold().heard = None;
            return;
        };
        let old = slot.served();
        let in_use = old.as_ref().is_some_and(|old| reachable(old).any(|version| self.is_loaded(version)));
        let urgency = if in_use { Some(Urgency::Called) } else { load };
        // Without a load there is nothing to hold on to: calls wait for theirs.
        let old = old.filter(|_| urgency.is_some());
        let change = Change { old, wanted, began };
        // Switches take effect before anything is loaded.
        self.serve(slot, change.visible(|version| self.is_loaded(version)));
        begun.told.send_replace(true);
        let loading = match urgency {
            Some(urgency) => self.load(slot, &change, urgency, begun).await,
            None => Loading::default(),
        };
        self.serve(slot, change.visible(|version| loading.loaded.contains(&version.key()) || self.is_loaded(version)));
        self.settle(slot, &change, loading, problem);
    }

    /// Loads what calls of the new state could get, unless another state comes in between.
    async fn load(self: &Arc<Self>, slot: &Slot, change: &Change, urgency: Urgency, begun: &Begun) -> Loading {
        let mut loading = Loading::default();
        let (Some(loads), true) = (self.loads.get(), change.wanted.enabled) else { return loading };
        let versions: Vec<_> = reachable(&change.wanted).cloned().collect();
        let load = |version: Arc<ServedVersion>| async move {
            let loaded = self.load_one(loads, &version, urgency).await;
            (version, loaded)
        };
        let mut ending = stream::iter(versions).map(load).buffer_unordered(LOADS_OF_ENTRY);
        loop {
            let ended = tokio::select! {
                ended = ending.next() => ended,
                () = superseded(slot, begun) => {
                    loading.is_cut = true;
                    break;
                }
            };
            let Some((version, loaded)) = ended else { break };
            match loaded {
                Ok(()) => {
                    loading.loaded.insert(version.key());
                    // What is ready does not wait for the rest.
                    self.serve(slot, change.visible(|version| loading.loaded.contains(&version.key()) || self.is_loaded(version)));
                }
                Err(why) => {
                    let problem = format!("version {} cannot be loaded: {why}", version.definition.version);
                    if slot.is_news(&problem) {
                        tracing::warn!(env = %self.env, entry = %slot.of, problem, "a state is not served as it should be");
                    }
                    loading.problem = Some(problem);
                }
            }
        }
        loading
    }

    async fn load_one(&self, loads: &Arc<dyn Loads>, version: &Arc<ServedVersion>, urgency: Urgency) -> Result<(), String> {
        // What is loaded is asked for all the same: it counts as used.
        let _turn = if loads.is_loaded(version) { None } else { Some(self.loading.turn(&version.definition.tenant_id).await) };
        loads.load(version, urgency).await
    }

    /// A change has been brought as far as it goes: says so to whoever asks.
    fn settle(&self, slot: &Slot, change: &Change, loading: Loading, problem: Option<String>) {
        let is_whole = loading.problem.is_none() && !loading.is_cut;
        let mut cold = slot.cold();
        if is_whole || change.old.is_none() {
            cold.wanted = None;
        }
        cold.settle(loading.problem.clone().or(problem));
        if loading.is_cut {
            // The next round tells.
            return;
        }
        let heard = cold.heard.take();
        let order = cold.taken.as_ref().map(|taken| taken.order);
        drop(cold);
        self.counts.settled(is_whole, change.began.elapsed(), heard.map(|at| at.elapsed()));
        let (Some((generation, seq)), Some(entry)) = (order, slot.served()) else { return };
        let state = loading.problem.map_or(ServedState::Served, |problem| ServedState::Kept { problem });
        let (tenant, extension) = (slot.of.tenant.clone(), slot.of.extension.clone());
        self.recent.tell(Served { tenant, extension, generation, seq, version: entry.enabled.then_some(entry.current), state });
    }

    pub(crate) fn is_loaded(&self, version: &ServedVersion) -> bool {
        self.loads.get().is_some_and(|loads| loads.is_loaded(version))
    }
}

/// What calls saw, and what they shall see.
struct Change {
    /// None where calls need not be held back.
    old: Option<Arc<Entry>>,
    wanted: Arc<Entry>,
    began: Instant,
}

impl Change {
    /// What calls see while those of its versions are ready that `ready` says.
    fn visible(&self, ready: impl Fn(&ServedVersion) -> bool) -> Arc<Entry> {
        match &self.old {
            Some(old) if !reachable(&self.wanted).all(|version| ready(version)) => Arc::new(held(old, &self.wanted, ready)),
            Some(_) | None => Arc::clone(&self.wanted),
        }
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

/// Ready when another round of this flight is asked for.
pub(crate) async fn superseded(slot: &Slot, begun: &Begun) {
    loop {
        begun.again.notified().await;
        // A permit may be left from a wish that this round has answered.
        if slot.is_asked_again() {
            return;
        }
    }
}
