//! Loads under way and loads that failed lately: one attempt at a time each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use extensions_catalog::{DefinitionKey, Urgency};
use extensions_engine::Extension;
use tokio::sync::watch;

use crate::{line::Need, load::NotLoaded};

/// A failure is remembered this long: a hostile caller cannot make the host
/// compile the same bad component all the time.
const FAILURE_KEPT: Duration = Duration::from_secs(10);
/// A store that did not answer may do so again soon.
const PASSING_FAILURE_KEPT: Duration = Duration::from_secs(1);
/// Loads under way and failures kept, together.
const ENTRIES_MAX: usize = 4_096;

pub(crate) type Loaded = Result<Arc<Extension>, NotLoaded>;
pub(crate) type Progress = watch::Receiver<Option<Loaded>>;

#[derive(Debug)]
struct Entry {
    progress: Progress,
    need: Need,
    /// When a failure is forgotten; none while the load is under way.
    forget: Option<Instant>,
}

/// A load under way, or one that failed lately.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) progress: Progress,
    /// Whether it is more urgent than it was.
    pub(crate) raised: bool,
}

/// What is being loaded.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    entries: Mutex<HashMap<DefinitionKey, Entry>>,
}

impl Pending {
    /// Joins the load of `key` and raises its need, or calls `start` with where its result goes.
    pub(crate) fn join_or_start(
        &self,
        key: DefinitionKey,
        urgency: Urgency,
        start: impl FnOnce(Need, watch::Sender<Option<Loaded>>),
    ) -> Result<Joined, NotLoaded> {
        let mut entries = self.lock();
        let now = Instant::now();
        if let Some(entry) = entries.get(&key)
            && entry.forget.is_none_or(|forget| now < forget)
        {
            return Ok(Joined { progress: entry.progress.clone(), raised: entry.need.raise(urgency) });
        }
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, entry| entry.forget.is_none_or(|forget| now < forget));
        }
        if entries.len() >= ENTRIES_MAX {
            return Err(NotLoaded::Busy);
        }
        let (done, progress) = watch::channel(None);
        let need = Need::new(urgency);
        entries.insert(key, Entry { progress: progress.clone(), need: need.clone(), forget: None });
        drop(entries);
        start(need, done);
        Ok(Joined { progress, raised: false })
    }

    /// Forgets a load that succeeded; keeps a failure for a while.
    pub(crate) fn ended(&self, key: DefinitionKey, result: &Loaded) {
        let mut entries = self.lock();
        match result {
            Ok(_) => drop(entries.remove(&key)),
            Err(error) => {
                let kept = if error.may_pass() { PASSING_FAILURE_KEPT } else { FAILURE_KEPT };
                if let Some(entry) = entries.get_mut(&key) {
                    entry.forget = Some(Instant::now() + kept);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DefinitionKey, Entry>> {
        // Each change is one insert, remove or assignment.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
