//! Entries in memory: which calls see, which go when there are too many, and what is said of them.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use extensions_catalog::Entry;

use crate::{catalog::Inner, slot::Slot};

impl Inner {
    /// Lets calls see `entry`.
    pub(crate) fn serve(&self, slot: &Slot, entry: Arc<Entry>) {
        if !slot.serve(entry) {
            self.entries_read.fetch_add(1, Relaxed);
        }
    }

    fn evict(&self, slot: &Slot) {
        let (was_served, bytes) = slot.evict();
        self.entries_read.fetch_sub(usize::from(was_served), Relaxed);
        self.entries_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Writes down whether the slot follows the store, where status looks for it.
    pub(crate) fn note(&self, slot: &Slot) {
        let cold = slot.cold();
        match &cold.problem {
            Some(problem) if !cold.gone => {
                let kept = if cold.wanted.is_some() { slot.served().map(|entry| entry.current) } else { None };
                self.troubles.set(&slot.of, problem.clone(), kept);
            }
            Some(_) | None => self.troubles.clear(&slot.of),
        }
    }

    /// The store has no such entry: calls find nothing.
    pub(crate) fn forget(&self, slot: &Arc<Slot>) {
        self.evict(slot);
        {
            let mut cold = slot.cold();
            cold.gone = true;
            cold.recover();
        }
        self.change_index(|index| index.remove(slot));
    }

    /// Drops entries that no call used lately, where there are too many in memory.
    pub(crate) fn sweep(&self) {
        let max = self.settings.entries_bytes_max();
        if self.entries_bytes.load(Relaxed) <= max {
            return;
        }
        let Ok(_one) = self.sweeping.try_lock() else { return };
        let index = self.index.load_full();
        // First what was not used since the last sweep; then, if that was not enough, whatever is not loaded; then anything.
        let loaded = |slot: &Slot| slot.served().is_some_and(|entry| entry.current().is_some_and(|version| self.is_loaded(version)));
        let passes: [&dyn Fn(&Slot) -> bool; 3] = [&|slot| !slot.was_used() && !loaded(slot), &|slot| !loaded(slot), &|_| true];
        for may_go in passes {
            for slot in index.slots() {
                if self.entries_bytes.load(Relaxed) <= max / 10 * 9 {
                    return;
                }
                if slot.served().is_some() && !slot.cold().is_flying() && may_go(slot) {
                    self.evict(slot);
                }
            }
        }
    }
}
