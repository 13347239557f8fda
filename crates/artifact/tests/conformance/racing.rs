//! Processes that race for the same objects.

use std::collections::{BTreeMap, BTreeSet};

use extensions_artifact::{Created, Cursor, Owned, Prefix, Store, Swapped, document};
use extensions_types::Environment;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::{
    place::{Kind, Place, create, of},
    rival::{Rival, say},
};

const RIVALS: u32 = 3;
/// Successes of each rival: some hundred races.
const ROUNDS: u32 = 60;
/// Numbers in a counter's document: torn apart, they would differ.
const COPIES: usize = 3_000;

#[derive(Debug, Serialize, Deserialize)]
struct Step {
    rival: u32,
    round: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    value: u32,
    copies: Vec<u32>,
}

impl Counter {
    fn new(value: u32) -> Self {
        Self { value, copies: vec![value; COPIES] }
    }

    fn read(bytes: &[u8]) -> Self {
        let counter: Self = document::decode(bytes).unwrap();
        assert!(counter.copies.len() == COPIES && counter.copies.iter().all(|copy| *copy == counter.value), "torn");
        counter
    }
}

fn raced() -> Owned {
    of("acme", "raced")
}

/// Role: appends to a history, as a registry does.
pub(crate) async fn append(store: &Store, rival: u32) {
    let mut seq = 1;
    for round in 0..ROUNDS {
        let bytes = document::encode(&Step { rival, round }).unwrap();
        let etag = loop {
            match store.create(&raced().event(seq), bytes.clone()).await.unwrap() {
                Created::New(etag) => break etag,
                Created::Exists => seq += 1,
            }
        };
        say!("{seq}");
        let page = store.page(&Prefix::Events(raced()), Some(&Cursor::from(&raced().event(seq - 1))), 1).await.unwrap();
        let row = page.rows.first().expect("a list sees what was put");
        assert_eq!((&row.key, &row.etag), (&raced().event(seq), &etag));
    }
}

/// Role: counts in a document, as hosts' entries are swapped upwards.
pub(crate) async fn count(store: &Store, _: u32) {
    let key = raced().head();
    for _ in 0..ROUNDS {
        loop {
            let object = store.get(&key).await.unwrap().expect("it is swapped, never gone");
            let next = Counter::read(&object.bytes).value + 1;
            let bytes = document::encode(&Counter::new(next)).unwrap();
            if let Swapped::New(_) = store.swap(&key, bytes, &object.etag).await.unwrap() {
                say!("{next}");
                break;
            }
        }
    }
}

/// Role: puts and removes markers whose folder others remove with their last one.
pub(crate) async fn mark(store: &Store, rival: u32) {
    let key = raced().pending(Environment::Dev, rival.into());
    for round in 0..ROUNDS {
        let bytes = document::encode(&Step { rival, round }).unwrap();
        store.put(&key, bytes.clone()).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().expect("nobody else removes it").bytes, bytes);
        store.delete(&key).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), None);
    }
}

async fn histories_lose_and_double_nothing(kind: Kind) {
    let place = Place::new(kind);
    let said = Rival::race("append", &place.settings, RIVALS);
    let mut won: BTreeMap<u64, u32> = BTreeMap::new();
    for (rival, lines) in (1..).zip(&said) {
        assert_eq!(lines.len(), ROUNDS as usize);
        for line in lines {
            assert_eq!(won.insert(line.parse().unwrap(), rival), None, "event {line} was won twice");
        }
    }
    let total = u64::from(RIVALS * ROUNDS);
    assert_eq!(won.keys().copied().collect::<Vec<_>>(), (1..=total).collect::<Vec<_>>());
    let mut rounds = BTreeSet::new();
    for (seq, rival) in won {
        let object = place.store.get(&raced().event(seq)).await.unwrap().unwrap();
        let step: Step = document::decode(&object.bytes).unwrap();
        assert_eq!(step.rival, rival, "event {seq} is another's");
        assert!(rounds.insert((step.rival, step.round)));
    }
    let rows: Vec<_> = place.store.list(&Prefix::Events(raced()), None).try_collect().await.unwrap();
    assert_eq!(rows.len() as u64, total);
}

async fn swaps_lose_no_update_and_tear_nothing(kind: Kind) {
    let place = Place::new(kind);
    create(&place.store, &raced().head(), document::encode(&Counter::new(0)).unwrap()).await;
    let said = Rival::race("count", &place.settings, RIVALS);
    let values: BTreeSet<u32> = said.iter().flatten().map(|line| line.parse().unwrap()).collect();
    assert_eq!(values, (1..=RIVALS * ROUNDS).collect(), "each value is reached by one rival");
    let object = place.store.get(&raced().head()).await.unwrap().unwrap();
    assert_eq!(Counter::read(&object.bytes).value, RIVALS * ROUNDS);
}

async fn markers_survive_others_removals(kind: Kind) {
    let place = Place::new(kind);
    Rival::race("mark", &place.settings, RIVALS);
    let left = place.store.page(&Prefix::Pending, None, 10).await.unwrap();
    assert!(left.rows.is_empty() && left.foreign == 0, "{left:?}");
}

macro_rules! race {
    ($($name:ident),+) => {
        mod in_a_folder {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Kind::Folder).await;
            })+
        }
        mod in_a_bucket {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Kind::FolderOfBucket).await;
            })+
        }
    };
}
race!(histories_lose_and_double_nothing, swaps_lose_no_update_and_tear_nothing, markers_survive_others_removals);
