//! A folder whose writer is killed: what was answered is there, what was not is
//! there whole or not at all, and nothing is left over.

use std::os::unix::process::ExitStatusExt as _;

use extensions_artifact::{
    Store, document,
    testing::{Fault, Faults},
};
use extensions_types::Environment;
use serde::{Deserialize, Serialize};

use crate::{
    place::{Kind, Place, create, of, open, swap},
    rival::{Rival, say},
};

/// Lines after which writers are killed; they go on writing until the signal reaches them.
const KILLED_AFTER: [usize; 12] = [1, 1, 2, 3, 3, 5, 8, 13, 21, 34, 55, 89];
/// Large enough to be written in several calls.
const COPIES: usize = 40_000;

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    number: u64,
    copies: Vec<u64>,
}

impl Page {
    fn encode(number: u64) -> bytes::Bytes {
        document::encode(&Self { number, copies: vec![number; COPIES] }).unwrap()
    }

    fn read(bytes: &[u8]) -> u64 {
        let page: Self = document::decode(bytes).unwrap();
        assert!(page.copies.len() == COPIES && page.copies.iter().all(|copy| *copy == page.number), "torn");
        page.number
    }
}

/// Role: goes on where the history ends, and says each step once it is answered.
pub(crate) async fn churn(store: &Store) {
    let of = of("acme", "churn");
    let mut number = 1;
    while store.head(&of.event(number)).await.unwrap().is_some() {
        number += 1;
    }
    let mut etag = match store.get(&of.head()).await.unwrap() {
        Some(head) => head.etag,
        None => create(store, &of.head(), Page::encode(0)).await,
    };
    for number in number.. {
        let marker = of.pending(Environment::Dev, number);
        store.put(&marker, "{}".into()).await.unwrap();
        create(store, &of.event(number), format!("{{\"schema\":1,\"number\":{number}}}")).await;
        etag = swap(store, &of.head(), Page::encode(number), &etag).await;
        store.delete(&marker).await.unwrap();
        say!("{number}");
    }
}

#[tokio::test]
async fn killed_writers_leave_a_whole_store() {
    let place = Place::new(Kind::Folder);
    let of = of("acme", "churn");
    let staging = place.folder.as_ref().unwrap().path().join("store/.staging");
    let mut answered = 0;
    for lines in KILLED_AFTER {
        let mut rival = Rival::start("churn", &place.settings, 0);
        rival.go();
        for _ in 0..lines {
            answered = rival.line().unwrap().parse().unwrap();
        }
        let rest = rival.kill();
        answered = rest.last().map_or(answered, |line| line.parse().unwrap());

        let store = open(&place.settings);
        assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0, "staged files are removed at the next start");
        let head = Page::read(&store.get(&of.head()).await.unwrap().unwrap().bytes);
        assert!(head == answered || head == answered + 1, "head {head}, answered {answered}");
        for number in 1..=answered {
            let event = store.get(&of.event(number)).await.unwrap().expect("what was answered is there");
            assert_eq!(event.bytes, format!("{{\"schema\":1,\"number\":{number}}}"));
        }
        assert_eq!(store.get(&of.event(answered + 2)).await.unwrap(), None);
    }
}

/// Role: dies right after its second call was done.
pub(crate) async fn killed(store: &Store) {
    let faults = Faults::default();
    faults.at(2, Fault::KillAfter);
    let store = store.through(|backend| faults.over(backend));
    let of = of("acme", "killed");
    create(&store, &of.event(1), "{}").await;
    create(&store, &of.event(2), "{}").await;
    say!("unreachable");
}

#[tokio::test]
async fn a_kill_point_is_a_real_kill() {
    let place = Place::new(Kind::Folder);
    let mut rival = Rival::start("killed", &place.settings, 0);
    rival.go();
    assert_eq!(rival.line(), None);
    assert_eq!(rival.end().signal(), Some(9));
    assert!(place.store.head(&of("acme", "killed").event(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_living_writers_files_are_left_alone() {
    let place = Place::new(Kind::Folder);
    let staging = place.folder.as_ref().unwrap().path().join("store/.staging");
    let (living, dead) = (std::fs::File::create(staging.join("living")).unwrap(), staging.join("dead"));
    living.lock().unwrap();
    std::fs::write(&dead, "1234").unwrap();
    let counted = place.store.sweep_staged(true).await.unwrap();
    assert_eq!((counted.files, counted.bytes, dead.exists()), (1, 4, true));
    assert_eq!(place.store.sweep_staged(false).await.unwrap(), counted);
    assert_eq!((staging.join("living").exists(), dead.exists()), (true, false));
    assert_eq!(place.store.sweep_staged(true).await.unwrap(), Default::default());
}
