//! Turns within one registry: commands of one history follow each other instead
//! of racing. Other registries are met at the store, where one of them wins.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

/// Turns that nobody waits for are swept when there are this many.
const SWEEP_AT: usize = 1_024;

/// One queue of turns per name.
#[derive(Debug)]
pub(crate) struct Locks<K>(Mutex<HashMap<K, Weak<Turns<()>>>>);

impl<K> Default for Locks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// While it lives, it is its holder's turn.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl<K: Hash + Eq + Clone> Locks<K> {
    /// Waits for a turn, first come, first served.
    pub(crate) async fn turn(&self, name: &K) -> Turn {
        self.of(name).lock_owned().await
    }

    /// A turn if nobody has it.
    pub(crate) fn try_turn(&self, name: &K) -> Option<Turn> {
        self.of(name).try_lock_owned().ok()
    }

    fn of(&self, name: &K) -> Arc<Turns<()>> {
        // A panic while it is held cannot leave the map half-changed: each change is one insert or remove.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = all.get(name).and_then(Weak::upgrade) {
            return turns;
        }
        if all.len() >= SWEEP_AT {
            all.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Turns::new(()));
        all.insert(name.clone(), Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_of_one_name_exclude_each_other_and_no_others() {
        let locks = Locks::<u32>::default();
        let mine = locks.turn(&1).await;
        assert!(locks.try_turn(&1).is_none());
        assert!(locks.try_turn(&2).is_some());
        drop(mine);
        assert!(locks.try_turn(&1).is_some());
    }

    #[tokio::test]
    async fn names_nobody_waits_for_are_forgotten() {
        let locks = Locks::<usize>::default();
        let held = locks.turn(&0).await;
        for name in 1..=3 * SWEEP_AT {
            drop(locks.turn(&name).await);
        }
        assert!(locks.0.lock().unwrap().len() <= SWEEP_AT + 1);
        assert!(locks.try_turn(&0).is_none(), "who has the turn keeps it");
        drop(held);
    }
}
