//! One history out of two: what a backup holds and what a store still has. Pure.
//!
//! A store's own events win where they follow the backup's without a gap: they
//! were accepted after the backup. What lies behind a gap can never be reached
//! again and would be taken for somebody's new event, so it is set aside.

use std::collections::{BTreeMap, BTreeSet};

use extensions_types::Sha256;

/// An event that the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) sha256: Sha256,
    /// Whether it reads as an event of this seq.
    pub(crate) readable: bool,
}

/// What to do so that the store holds one history without gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Merge {
    /// Seqs to copy from the backup: absent in the store, or unreadable there.
    pub(crate) put: Vec<u64>,
    /// Of those, seqs where the store's unreadable event is set aside first.
    pub(crate) damaged: Vec<u64>,
    /// Readable events of the store that the backup lacks and that go on from it.
    pub(crate) newer: Vec<u64>,
    /// The store's events to set aside: behind a gap, or behind where the two part.
    pub(crate) aside: Vec<u64>,
    /// Seqs that neither has, below one that the store has.
    pub(crate) missing: Vec<u64>,
    /// The first seq at which both are readable and differ.
    pub(crate) parted: Option<u64>,
    /// The last seq of the resulting history.
    pub(crate) last: u64,
}

/// Merges; where the two part, the store's side is set aside if `prefer_backup`,
/// else nothing is planned at all: which one is right is for a person to say.
pub(crate) fn merge(backup: &BTreeMap<u64, Sha256>, store: &BTreeMap<u64, Found>, prefer_backup: bool) -> Merge {
    let differs = |(seq, found): (&u64, &Found)| found.readable && backup.get(seq).is_some_and(|sha256| *sha256 != found.sha256);
    let parted = store.iter().find(|&row| differs(row)).map(|(seq, _)| *seq);
    if parted.is_some() && !prefer_backup {
        return Merge { parted, last: store.keys().last().copied().unwrap_or(0), ..Merge::default() };
    }
    let mut merged = Merge { parted, ..Merge::default() };
    let store_ends = parted.unwrap_or(u64::MAX);
    loop {
        let seq = merged.last + 1;
        let found = store.get(&seq).filter(|_| seq < store_ends);
        match (found, backup.get(&seq)) {
            (Some(found), Some(_)) if found.readable => {}
            (Some(found), None) if found.readable => merged.newer.push(seq),
            (_, Some(_)) => merged.put.push(seq),
            (_, None) => break,
        }
        merged.last = seq;
    }
    merged.damaged = merged.put.iter().copied().filter(|seq| store.contains_key(seq)).collect();
    merged.aside = store.keys().copied().filter(|seq| *seq > merged.last).collect();
    let highest = merged.aside.last().copied().unwrap_or(0);
    let held: BTreeSet<u64> = merged.aside.iter().copied().collect();
    merged.missing = (merged.last + 1..highest).filter(|seq| !held.contains(seq)).take(MISSING_MAX).collect();
    merged
}

/// Missing seqs that are named one by one; a history holds a few thousand.
const MISSING_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sha(of: u8) -> Sha256 {
        Sha256::new([of; 32])
    }

    fn backup(seqs: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Sha256> {
        seqs.into_iter().map(|seq| (seq, sha(seq as u8))).collect()
    }

    fn store(seqs: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Found> {
        seqs.into_iter().map(|seq| (seq, Found { sha256: sha(seq as u8), readable: true })).collect()
    }

    #[test]
    fn an_empty_store_gets_the_backup() {
        let merged = merge(&backup(1..=3), &store([]), false);
        assert_eq!(merged, Merge { put: vec![1, 2, 3], last: 3, ..Merge::default() });
    }

    #[test]
    fn later_events_of_the_store_stay() {
        let merged = merge(&backup(1..=3), &store([1, 3, 4, 5]), false);
        assert_eq!(merged, Merge { put: vec![2], newer: vec![4, 5], last: 5, ..Merge::default() });
    }

    #[test]
    fn events_behind_a_gap_are_set_aside_and_the_gap_named() {
        let merged = merge(&backup(1..=3), &store([1, 6, 8]), false);
        assert_eq!(merged, Merge { put: vec![2, 3], aside: vec![6, 8], missing: vec![4, 5, 7], last: 3, ..Merge::default() });
    }

    #[test]
    fn an_unreadable_event_is_replaced_or_ends_the_history() {
        let mut torn = store(1..=4);
        for seq in [2, 4] {
            torn.insert(seq, Found { sha256: sha(99), readable: false });
        }
        let merged = merge(&backup(1..=3), &torn, false);
        assert_eq!(merged, Merge { put: vec![2], damaged: vec![2], aside: vec![4], last: 3, ..Merge::default() });
    }

    #[test]
    fn two_histories_that_part_are_left_alone_unless_told() {
        let mut other = store(1..=4);
        other.insert(2, Found { sha256: sha(99), readable: true });
        let left = merge(&backup(1..=3), &other, false);
        assert_eq!(left, Merge { parted: Some(2), last: 4, ..Merge::default() });
        let taken = merge(&backup(1..=3), &other, true);
        assert_eq!(taken, Merge { parted: Some(2), put: vec![2, 3], damaged: vec![2, 3], aside: vec![4], last: 3, ..Merge::default() });
    }

    proptest! {
        #[test]
        fn the_result_has_no_gap_and_every_event_of_the_store_has_a_place(
            ends in 0u64..8, has in prop::collection::btree_map(1u64..12, (any::<bool>(), any::<bool>()), 0..12), prefer in any::<bool>(),
        ) {
            let backup = backup(1..=ends);
            let store: BTreeMap<u64, Found> = has.iter().map(|(&seq, &(same, readable))| {
                (seq, Found { sha256: sha(if same { seq as u8 } else { 99 }), readable })
            }).collect();
            let merged = merge(&backup, &store, prefer);
            if merged.parted.is_some() && !prefer {
                prop_assert!(merged.put.is_empty() && merged.aside.is_empty());
                return Ok(());
            }
            prop_assert!(merged.last >= ends, "nothing of the backup is lost");
            for seq in 1..=merged.last {
                let kept = store.get(&seq).is_some_and(|found| found.readable) && !merged.damaged.contains(&seq);
                prop_assert!(merged.put.contains(&seq) != kept, "{seq} comes from exactly one");
            }
            for seq in store.keys() {
                prop_assert_eq!(*seq > merged.last, merged.aside.contains(seq));
            }
            // Once done, nothing is left to do.
            let after: BTreeMap<u64, Found> = (1..=merged.last).map(|seq| {
                let sha256 = if merged.put.contains(&seq) { backup[&seq] } else { store[&seq].sha256 };
                (seq, Found { sha256, readable: true })
            }).collect();
            let again = merge(&backup, &after, prefer);
            prop_assert!(again.put.is_empty() && again.aside.is_empty() && again.parted.is_none());
        }
    }
}
