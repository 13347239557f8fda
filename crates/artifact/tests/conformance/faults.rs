//! What an answer means, whatever happened to requests and answers on the way.

use std::{sync::Arc, time::Duration};

use extensions_artifact::{
    Backend, Created, Key, Store, StoreError, Swapped,
    testing::{Fault, Faults, Memory, round_trips},
};
use proptest::prelude::*;

use crate::place::{create, of, text};

const LATE: Duration = Duration::from_secs(100);
const ALL: [Fault; 9] = [
    Fault::Refused,
    Fault::Error,
    Fault::Lost,
    Fault::Silent,
    Fault::SilentAfter,
    Fault::Delay(Duration::from_secs(2)),
    Fault::Late(LATE),
    Fault::Twice,
    Fault::TwiceFirst,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Create,
    Swap,
    StaleSwap,
    Put,
    Delete,
}

const WRITES: [Write; 5] = [Write::Create, Write::Swap, Write::StaleSwap, Write::Put, Write::Delete];

/// How it ended, in one word for all writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// Exists, or changed.
    Met,
    Lost,
    Unavailable,
}

struct Bench {
    faults: Faults,
    /// With faults.
    store: Store,
    /// What is true.
    truth: Store,
    key: Key,
}

impl Bench {
    fn new() -> Self {
        let (faults, memory) = (Faults::default(), Arc::new(Memory::default()));
        let truth = Store::over(Arc::clone(&memory) as Arc<dyn Backend>);
        let store = Store::over(faults.over(memory));
        Self { faults, store, truth, key: of("acme", "vat").head() }
    }

    async fn write(&self, write: Write, content: &str) -> End {
        let etag = self.truth.get(&self.key).await.unwrap().map(|object| object.etag);
        let bytes = content.to_owned().into();
        let ended = match write {
            Write::Create => self.store.create(&self.key, bytes).await.map(|created| created != Created::Exists),
            Write::Swap => match etag {
                Some(etag) => self.store.swap(&self.key, bytes, &etag).await.map(|swapped| swapped != Swapped::Changed),
                None => Ok(false),
            },
            Write::StaleSwap => {
                let other = Bench::new();
                let stale = create(&other.truth, &self.key, "other").await;
                // The etags of both memories begin alike: take one that this store has never given.
                let stale = if Some(&stale) == etag.as_ref() { crate::place::swap(&other.truth, &self.key, "more", &stale).await } else { stale };
                self.store.swap(&self.key, bytes, &stale).await.map(|swapped| swapped != Swapped::Changed)
            }
            Write::Put => self.store.put(&self.key, bytes).await.map(|_| true),
            Write::Delete => self.store.delete(&self.key).await.map(|()| true),
        };
        match ended {
            Ok(true) => End::Done,
            Ok(false) => End::Met,
            Err(StoreError::Lost { .. }) => End::Lost,
            Err(StoreError::Unavailable { .. }) => End::Unavailable,
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn true_text(&self) -> Option<String> {
        text(&self.truth, &self.key).await
    }
}

/// Whether `end` of `write` tells the truth about what was `before` and is `after`.
fn is_true(write: Write, end: End, before: Option<&str>, after: Option<&str>, ours: &str, doubled: bool) -> bool {
    let wanted = if write == Write::Delete { None } else { Some(ours) };
    let could = match write {
        Write::Create => before.is_none(),
        Write::Swap => before.is_some(),
        Write::StaleSwap => false,
        Write::Put | Write::Delete => true,
    };
    match end {
        End::Done => could && after == wanted,
        // A doubled request can meet itself.
        End::Met => after == before || (doubled && could && after == wanted),
        End::Lost => after == before || (could && after == wanted),
        End::Unavailable => after == before,
    }
}

/// Every write, every fault, at every call of it; and what was late arrives in the end.
#[tokio::test(start_paused = true)]
async fn one_fault_is_ridden_out() {
    for write in WRITES {
        for fault in ALL {
            for before in [None, Some("before")] {
                let bench = Bench::new();
                if let Some(before) = before {
                    create(&bench.truth, &bench.key, before).await;
                }
                bench.faults.at(1, fault);
                let end = bench.write(write, "ours").await;
                let doubled = fault == Fault::Twice;
                assert!(is_true(write, end, before, bench.true_text().await.as_deref(), "ours", doubled), "{write:?} {fault:?} {before:?} {end:?}");
                assert!(matches!(end, End::Done | End::Met), "{write:?} {fault:?} {before:?} {end:?}");
                tokio::time::sleep(LATE * 2).await;
                assert!(
                    is_true(write, end, before, bench.true_text().await.as_deref(), "ours", doubled),
                    "{write:?} {fault:?} {before:?} {end:?}, later"
                );
            }
        }
    }
}

/// The store stays like this: no answer says more than is known.
#[tokio::test(start_paused = true)]
async fn a_lasting_fault_is_never_called_done() {
    for write in WRITES {
        for fault in ALL {
            let bench = Bench::new();
            create(&bench.truth, &bench.key, "before").await;
            if write == Write::Create {
                bench.truth.delete(&bench.key).await.unwrap();
            }
            let before = bench.true_text().await;
            bench.faults.rule(move |_| Some(fault));
            let end = bench.write(write, "ours").await;
            let doubled = fault == Fault::Twice;
            let told = |after: Option<&str>| is_true(write, end, before.as_deref(), after, "ours", doubled);
            assert!(told(bench.true_text().await.as_deref()), "{write:?} {fault:?} {end:?}");
            tokio::time::sleep(LATE * 2).await;
            assert!(told(bench.true_text().await.as_deref()), "{write:?} {fault:?} {end:?}, later");
            match fault {
                Fault::Refused => assert_eq!(end, End::Unavailable),
                Fault::Error | Fault::Silent | Fault::SilentAfter | Fault::Late(_) | Fault::Lost => assert_eq!(end, End::Lost, "{write:?} {fault:?}"),
                _ => assert!(matches!(end, End::Done | End::Met), "{write:?} {fault:?} {end:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_store_is_named_at_once() {
    for write in [Write::Swap, Write::Put] {
        let bench = Bench::new();
        let etag = create(&bench.truth, &bench.key, "before").await;
        bench.faults.rule(|_| Some(Fault::Full));
        let refused = match write {
            Write::Swap => bench.store.swap(&bench.key, "ours".into(), &etag).await.map(drop),
            _ => bench.store.put(&bench.key, "ours".into()).await.map(drop),
        };
        assert!(matches!(&refused, Err(StoreError::Full { .. })), "{refused:?}");
        assert_eq!((bench.faults.count(), bench.true_text().await.as_deref()), (1, Some("before")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rival_behind_a_lost_answer_is_seen() {
    let bench = Bench::new();
    // Ours never arrives, another's does: the second try meets it.
    bench.faults.at(1, Fault::Error);
    let rival = bench.truth.clone();
    let key = bench.key.clone();
    let (created, ()) = tokio::join!(bench.store.create(&bench.key, "ours".into()), async { drop(create(&rival, &key, "theirs").await) });
    assert_eq!(created.unwrap(), Created::Exists);
    assert_eq!(bench.true_text().await.unwrap(), "theirs");
}

#[tokio::test(start_paused = true)]
async fn reads_are_tried_again_and_never_half_a_content() {
    let bench = Bench::new();
    create(&bench.truth, &bench.key, "content").await;
    for fault in [Fault::Refused, Fault::Error, Fault::Lost, Fault::Silent, Fault::Torn, Fault::Twice, Fault::Delay(Duration::from_secs(1))] {
        bench.faults.reset();
        bench.faults.at(1, fault);
        assert_eq!(text(&bench.store, &bench.key).await.unwrap(), "content", "{fault:?}");
        bench.faults.reset();
        bench.faults.at(1, fault);
        let page = bench.store.page(&extensions_artifact::Prefix::All, None, 10).await.unwrap();
        assert_eq!(page.rows.len(), 1, "{fault:?}");
        bench.faults.reset();
        bench.faults.rule(move |_| Some(fault));
        if matches!(fault, Fault::Twice | Fault::Delay(_)) {
            continue;
        }
        let read = bench.store.get(&bench.key).await;
        assert!(matches!(&read, Err(StoreError::Unavailable { .. })), "{fault:?} {read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_list_and_a_stop_are_what_they_say() {
    let bench = Bench::new();
    create(&bench.store, &of("acme", "vat").event(1), "{}").await;
    create(&bench.store, &of("acme", "vat").event(2), "{}").await;
    bench.faults.at(3, Fault::Stale(2));
    let page = bench.store.page(&extensions_artifact::Prefix::All, None, 10).await.unwrap();
    assert_eq!(page.rows.len(), 1, "the last put is not listed yet");
    bench.faults.at(4, Fault::StopAfter);
    let event = of("acme", "vat").event(3);
    tokio::select! {
        created = bench.store.create(&event, "{}".into()) => panic!("{created:?}"),
        () = bench.faults.stopped() => {}
    }
    assert!(bench.truth.head(&event).await.unwrap().is_some());
    assert!(tokio::time::timeout(Duration::from_secs(3), bench.store.head(&event)).await.is_err(), "a stopped process asks nothing");
    bench.faults.reset();
    assert!(bench.store.head(&event).await.unwrap().is_some());
}

#[tokio::test]
async fn round_trips_count_what_waits_for_what() {
    let bench = Bench::new();
    let (one, other) = (of("acme", "one").head(), of("acme", "other").head());
    let (_, _) = tokio::join!(bench.store.get(&one), bench.store.get(&other));
    bench.store.get(&one).await.unwrap();
    let calls = bench.faults.calls();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0].key(), Some(one));
    assert!(calls.iter().all(|call| call.ended.is_some()));
    assert!((2..=3).contains(&round_trips(&calls)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Many writes in a row under many faults: each answer tells the truth.
    #[test]
    fn every_answer_tells_the_truth(seed in any::<u64>(), writes in proptest::collection::vec(proptest::sample::select(&WRITES[..]), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            // Without the late ones, which the tests above follow to their arrival.
            bench.faults.seeded(seed, 2, &[Fault::Refused, Fault::Error, Fault::Lost, Fault::Silent, Fault::SilentAfter, Fault::TwiceFirst]);
            for (number, write) in writes.into_iter().enumerate() {
                let (before, ours) = (bench.true_text().await, format!("content {number}"));
                let end = bench.write(write, &ours).await;
                let after = bench.true_text().await;
                assert!(is_true(write, end, before.as_deref(), after.as_deref(), &ours, false), "{number} {write:?} {end:?} {before:?} {after:?}");
            }
        });
    }
}
