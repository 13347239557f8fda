//! The versions that are loaded: found without waiting, kept by their value,
//! let go of where no call waits.
//!
//! A version's value is how often and how lately it was called for what it
//! weighs (`capacity`). One that was called once stays among the newcomers, which
//! are few: calls to ten thousand versions in turn cost the busy ones nothing.

use std::{
    collections::HashMap,
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use extensions_catalog::DefinitionKey;
use extensions_engine::{Extension, Mapped, WeakMapped};
use extensions_types::Sha256;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter, sync};

use crate::capacity::{Capacity, WHOLE};

/// Parts of the table that are locked apart, at most: each takes its part of
/// the bound, and the largest component must fit into one.
const SHARDS_MAX: usize = 16;

/// Names of code are not looked through for dead ones below this many.
const CODES_MIN: usize = 1_024;

type Kept<K, V, W> = sync::Cache<K, V, W, DefaultHashBuilder, Handed>;

/// Loaded versions, and those that are leaving.
#[derive(Debug)]
pub(crate) struct Shelf {
    ready: Kept<DefinitionKey, Arc<Extension>, Capacity>,
    /// Code that some version uses: others of the same component share it.
    codes: Mutex<HashMap<Sha256, WeakMapped>>,
    leaving: Mutex<Leaving>,
}

/// Versions that made room and may still be running.
#[derive(Debug, Default)]
struct Leaving {
    versions: Vec<Arc<Extension>>,
    /// Whether somebody sees to them.
    is_seen_to: bool,
}

/// Hands on what is evicted, so that it is not dropped under the table's lock.
#[derive(Debug, Clone, Copy)]
struct Handed;

impl<K, V> Lifecycle<K, V> for Handed {
    type RequestState = Evicted<V>;

    fn on_evict(&self, evicted: &mut Evicted<V>, _: K, value: V) {
        evicted.0.push(value);
    }
}

struct Evicted<V>(Vec<V>);

impl<V> Default for Evicted<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Weighter<DefinitionKey, Arc<Extension>> for Capacity {
    fn weight(&self, _: &DefinitionKey, extension: &Arc<Extension>) -> u64 {
        // One that shares another's code weighs as much: it may be the last to use it.
        self.share(extension.code_bytes() as u64)
    }
}

fn kept<K: Eq + Hash, V: Clone, W: Weighter<K, V> + Clone>(weights: W, versions: u64) -> Kept<K, V, W> {
    let mut options = OptionsBuilder::new();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    options.weight_capacity(WHOLE).estimated_items_capacity(usize::try_from(versions).unwrap_or(usize::MAX)).shards((4 * cores).min(SHARDS_MAX));
    let options = options.build().expect("both capacities are given");
    sync::Cache::with_options(options, weights, DefaultHashBuilder::default(), Handed)
}

impl Shelf {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self { ready: kept(capacity, capacity.versions()), codes: Mutex::default(), leaving: Mutex::default() }
    }

    /// The version, if it is loaded. Counts as a use.
    pub(crate) fn get(&self, key: &DefinitionKey) -> Option<Arc<Extension>> {
        self.ready.get(key)
    }

    /// Whether it is loaded. No use of it.
    pub(crate) fn has(&self, key: &DefinitionKey) -> bool {
        self.ready.peek(key).is_some()
    }

    /// How many versions are loaded.
    pub(crate) fn len(&self) -> usize {
        self.ready.len()
    }

    /// What they weigh together, as a part of what they may.
    pub(crate) fn fullness(&self) -> f64 {
        self.ready.weight() as f64 / WHOLE as f64
    }

    /// Mapped code that some version uses.
    pub(crate) fn code(&self, component: Sha256) -> Option<Mapped> {
        self.codes().get(&component).and_then(WeakMapped::upgrade)
    }

    /// Code that versions may share from now on, for as long as one uses it.
    pub(crate) fn mapped(&self, component: Sha256, mapped: &Mapped) {
        let mut codes = self.codes();
        if codes.len() > CODES_MIN.max(2 * self.ready.len()) {
            // Code whose last holder was a call leaves its name behind.
            codes.retain(|_, code| code.upgrade().is_some());
        }
        codes.insert(component, mapped.downgrade());
    }

    /// Keeps a version. How many had to make room; whether somebody has to see
    /// to those that are leaving: whoever is told so calls [`Self::bury`] until none is left.
    pub(crate) fn put(&self, key: DefinitionKey, extension: Arc<Extension>) -> (usize, bool) {
        let mut evicted = Evicted::default();
        self.ready.insert_with_lifecycle(key, extension, &mut evicted);
        if evicted.0.is_empty() {
            return (0, false);
        }
        let (count, mut leaving) = (evicted.0.len(), self.leaving());
        leaving.versions.append(&mut evicted.0);
        (count, !mem::replace(&mut leaving.is_seen_to, true))
    }

    /// Unmaps what has left and runs no more; whether some are left. Takes its time: not for I/O threads.
    pub(crate) fn bury(&self) -> bool {
        // Whoever leaves is in no table. A call that remembers it weakly may still take it, and drops it itself then.
        let is_still = |version: &mut Arc<Extension>| Arc::strong_count(version) == 1;
        let still: Vec<_> = self.leaving().versions.extract_if(.., is_still).collect();
        for version in still {
            let component = version.definition().digest.parse();
            drop(version);
            let mut codes = self.codes();
            if let Ok(component) = component
                && codes.get(&component).is_some_and(|code| code.upgrade().is_none())
            {
                codes.remove(&component);
            }
        }
        let mut leaving = self.leaving();
        leaving.is_seen_to = !leaving.versions.is_empty();
        leaving.is_seen_to
    }

    fn codes(&self) -> MutexGuard<'_, HashMap<Sha256, WeakMapped>> {
        // Each change is one insert or remove.
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, Leaving> {
        // What a panic could leave is a version too many.
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// As many as fit when each has 328 KiB of code.
    const FIT: u64 = 1_000;

    #[derive(Debug, Clone)]
    struct Even;

    impl Weighter<u64, u64> for Even {
        fn weight(&self, _: &u64, _: &u64) -> u64 {
            WHOLE / FIT
        }
    }

    fn call(kept: &Kept<u64, u64, Even>, version: u64) -> bool {
        let is_loaded = kept.get(&version).is_some();
        if !is_loaded {
            kept.insert(version, version);
        }
        is_loaded
    }

    fn call_all(kept: &Kept<u64, u64, Even>, versions: Range<u64>) {
        for version in versions {
            call(kept, version);
        }
    }

    #[test]
    fn a_scan_of_versions_called_once_evicts_no_busy_one() {
        let kept = kept(Even, FIT);
        for _ in 0..3 {
            call_all(&kept, 0..100);
        }
        let mut missed = 0;
        for cold in 1_000..11_000 {
            assert!(!call(&kept, cold), "a scan finds nothing twice");
            // The busy ones are called meanwhile, far less often than the scan moves on.
            missed += usize::from(cold % 50 == 0 && !call(&kept, cold / 50 % 100));
        }
        assert_eq!(missed, 0, "busy versions were loaded again");
        assert_eq!((0..100).filter(|hot| kept.peek(hot).is_some()).count(), 100);
        assert!(kept.weight() <= WHOLE);
    }

    #[test]
    fn busy_versions_that_come_after_a_scan_find_room() {
        let kept = kept(Even, FIT);
        call_all(&kept, 1_000..11_000);
        for _ in 0..5 {
            call_all(&kept, 0..100);
        }
        call_all(&kept, 20_000..22_000);
        assert_eq!((0..100).filter(|hot| kept.peek(hot).is_some()).count(), 100);
    }

    #[test]
    fn what_makes_room_is_handed_on() {
        let kept = kept(Even, FIT);
        let mut evicted = Evicted::default();
        (0..2 * FIT).for_each(|version| kept.insert_with_lifecycle(version, version, &mut evicted));
        assert_eq!(kept.len() + evicted.0.len(), 2 * FIT as usize, "nothing is dropped unseen");
        assert!(kept.weight() <= WHOLE);
    }
}
