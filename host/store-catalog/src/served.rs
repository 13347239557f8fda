//! What became of changes: for heartbeats, and for whoever waits for a promotion.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use extensions_types::{ExtensionId, TenantId, Version};
use tokio::sync::watch;

/// What is kept for those who follow: they look every second, and more than
/// this in a second is a restore, of which a list tells.
const KEPT_MAX: usize = 1_024;

/// What calls of one extension get since a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub extension: ExtensionId,
    /// The history's generation that the entry comes from; outranks `seq`.
    pub generation: u64,
    /// The last event in the entry.
    pub seq: u64,
    /// What `latest` means for calls now; none where the extension is disabled.
    pub version: Option<Version>,
    /// Whether that is what the entry says.
    pub state: ServedState,
}

/// Whether calls get what an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServedState {
    /// They do.
    Served,
    /// It cannot be loaded; they get what was good before, where something was.
    Kept {
        /// Why, for operators.
        problem: String,
    },
}

/// What follows a catalog's changes.
#[derive(Debug)]
pub struct Changes {
    recent: Arc<Recent>,
    told: watch::Receiver<u64>,
    seen: u64,
}

/// Changes since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Oldest first.
    pub changes: Vec<Served>,
    /// There were more than are kept.
    pub is_cut: bool,
}

impl Changes {
    /// Ready when something changed since this was last ready, entries or control; never, once the catalog is gone.
    pub async fn changed(&mut self) {
        if self.told.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What became visible to calls since this was last asked.
    pub fn take(&mut self) -> Told {
        let log = self.recent.lock();
        let first = log.number - log.last.len() as u64;
        let fresh = usize::try_from(self.seen.saturating_sub(first)).unwrap_or(usize::MAX);
        let told = Told { changes: log.last.iter().skip(fresh).cloned().collect(), is_cut: first > self.seen };
        self.seen = log.number;
        told
    }
}

/// The last changes.
#[derive(Debug)]
pub(crate) struct Recent {
    log: Mutex<Log>,
    told: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Log {
    last: VecDeque<Served>,
    /// How many there ever were.
    number: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self { log: Mutex::default(), told: watch::Sender::new(0) }
    }
}

impl Recent {
    /// Follows from now on.
    pub(crate) fn follow(self: &Arc<Self>) -> Changes {
        let seen = self.lock().number;
        Changes { recent: Arc::clone(self), told: self.told.subscribe(), seen }
    }

    pub(crate) fn tell(&self, served: Served) {
        {
            let mut log = self.lock();
            let same = |other: &&Served| (&other.tenant, &other.extension) == (&served.tenant, &served.extension);
            if log.last.iter().rev().find(same) == Some(&served) {
                // Tried again, with the same end.
                return;
            }
            if log.last.len() == KEPT_MAX {
                log.last.pop_front();
            }
            log.last.push_back(served);
            log.number += 1;
        }
        self.stir();
    }

    /// Something else changed that a heartbeat says, such as control.
    pub(crate) fn stir(&self) {
        self.told.send_modify(|times| *times += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // What a panic could leave is one change too many or too few.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(extension: usize, seq: u64) -> Served {
        Served {
            tenant: TenantId::parse("acme").unwrap(),
            extension: ExtensionId::parse(&format!("x{extension}")).unwrap(),
            generation: 1,
            seq,
            version: Some(Version::FIRST),
            state: ServedState::Served,
        }
    }

    #[tokio::test]
    async fn each_change_is_told_once() {
        let recent = Arc::<Recent>::default();
        recent.tell(served(0, 1));
        let mut changes = recent.follow();
        assert_eq!(changes.take(), Told::default(), "what was before is not followed");
        recent.tell(served(1, 1));
        recent.tell(served(2, 1));
        recent.tell(served(1, 1));
        changes.changed().await;
        assert_eq!(changes.take(), Told { changes: vec![served(1, 1), served(2, 1)], is_cut: false });
        assert_eq!(changes.take(), Told::default());
        assert!(!changes.told.has_changed().unwrap(), "nothing new is no change");
    }

    #[tokio::test]
    async fn more_than_are_kept_are_said_to_be_missing() {
        let recent = Arc::<Recent>::default();
        let mut changes = recent.follow();
        (0..=KEPT_MAX).for_each(|at| recent.tell(served(at, 1)));
        let told = changes.take();
        assert!(told.is_cut);
        assert_eq!((told.changes.len(), &told.changes[0]), (KEPT_MAX, &served(1, 1)));
        recent.tell(served(7, 2));
        assert_eq!(changes.take(), Told { changes: vec![served(7, 2)], is_cut: false });
    }
}
