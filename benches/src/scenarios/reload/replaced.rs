//! Answers by versions that had been replaced.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::EVERY;
use crate::load::{Answer, Watch};

/// When each version was replaced, which its successor's promotion answered, and
/// how many calls it answered long after.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    at: Mutex<BTreeMap<u64, Instant>>,
    stale: AtomicU64,
}

impl Replaced {
    pub(super) fn note(&self, version: u64) {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).insert(version, Instant::now());
    }

    /// Answers by a version replaced long before the call was begun.
    pub(super) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// Looks at each answer of a load.
    pub(super) fn watch(self: &Arc<Self>) -> Arc<Watch> {
        let replaced = Arc::clone(self);
        Arc::new(move |begun, answer| {
            let Answer::Version { version, .. } = answer else { return };
            let at = replaced.at.lock().unwrap_or_else(PoisonError::into_inner).get(version).copied();
            if at.is_some_and(|at| begun > at + EVERY) {
                replaced.stale.fetch_add(1, Ordering::Relaxed);
            }
        })
    }
}
