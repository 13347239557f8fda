//! What is read, and when.

use std::time::{Duration, Instant};

use extensions_artifact::{Operation, testing::Fault};
use extensions_catalog::{Catalog as _, Found, Missing, Unread, find};
use extensions_store_catalog::CatalogSettings;
use extensions_types::Kind;

use crate::support::{Scene, a_poll, entry, entry_with, of};

#[tokio::test(start_paused = true)]
async fn an_entry_is_read_once_and_when_it_is_called() {
    let scene = Scene::new();
    let (x, y) = (of("acme", "x"), of("acme", "y"));
    scene.put(&entry(&x, 1, &[1])).await;
    scene.put(&entry(&y, 1, &[1])).await;
    let running = scene.ready().await;
    a_poll().await;
    assert_eq!(scene.reads(), 0, "the index is names and etags");
    assert!(matches!(running.catalog.entry(&x.tenant, &x.extension), Found::Unread));
    let many = futures_util::future::join_all((0..50).map(|_| running.latest(&x))).await;
    assert!(many.iter().all(|&version| version == 1));
    assert_eq!(scene.reads(), 1, "fifty callers, one read");
    assert!(matches!(running.catalog.entry(&x.tenant, &x.extension), Found::Entry(_)));
    assert!(matches!(running.catalog.entry(&y.tenant, &y.extension), Found::Unread));
    a_poll().await;
    assert_eq!((running.latest(&x).await, scene.reads()), (1, 1));
    let status = running.catalog.status();
    assert_eq!((status.entries, status.entries_read, status.problems_total), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn not_found_is_true_once_the_index_is_known_and_never_asks_the_store() {
    let scene = Scene::new();
    scene.put(&entry(&of("acme", "x"), 1, &[1])).await;
    let running = scene.start();
    assert!(matches!(running.find(&of("acme", "y")).await, Err(Missing::Unread(Unread::Unavailable))), "nothing is known yet");
    running.ready().await;
    for missing in [of("acme", "y"), of("other", "x")] {
        assert!(matches!(running.find(&missing).await, Err(Missing::Nothing)));
    }
    assert_eq!(scene.reads(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_read_ends_the_callers_wait_and_serves_the_next() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.meet(Operation::Get, Fault::Delay(Duration::from_secs(4)));
    let hasty = find(&running.catalog, &x.tenant, &x.extension, Some(Instant::now() + Duration::from_secs(1))).await;
    assert!(matches!(hasty, Err(Missing::Reading)));
    assert_eq!(running.latest(&x).await, 1, "the read went on");
    assert_eq!(scene.reads(), 1);
    scene.meet(Operation::Get, Fault::Silent);
    let y = of("acme", "y");
    scene.put(&entry(&y, 1, &[1])).await;
    a_poll().await;
    let before = tokio::time::Instant::now();
    assert!(matches!(running.find(&y).await, Err(Missing::Reading)), "a store that never answers");
    assert!(before.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_list_reads_what_it_needs_leaves_out_what_does_not_answer_and_says_when_it_cannot() {
    let scene = Scene::new();
    for (id, manifest) in [("c", ""), ("a", ""), ("b", "")] {
        scene.put(&entry_with(&of("acme", id), 1, &[1, 2], manifest)).await;
    }
    scene.put(&extensions_types::EntryDocument { enabled: false, ..entry(&of("acme", "off"), 1, &[1]) }).await;
    scene.put_bytes(&of("acme", "bad"), b"{}").await;
    scene.put(&entry(&of("other", "z"), 1, &[1])).await;
    let running = scene.ready().await;
    let acme = of("acme", "a").tenant;
    let ids = |listed: Vec<std::sync::Arc<extensions_catalog::ServedVersion>>| {
        listed.iter().map(|version| format!("{}@{}", version.definition.id, version.definition.version)).collect::<Vec<_>>()
    };
    assert_eq!(ids(running.catalog.list(&acme, None, 10).await.unwrap()), ["a@2", "b@2", "c@2"]);
    assert_eq!(ids(running.catalog.list(&acme, None, 2).await.unwrap()), ["a@2", "b@2"]);
    assert!(running.catalog.list(&acme, Some(Kind::AgentTool), 10).await.unwrap().is_empty());
    scene.cut();
    assert_eq!(ids(running.catalog.list(&acme, None, 2).await.unwrap()), ["a@2", "b@2"], "what is known needs no store");
    assert!(running.catalog.list(&of("other", "z").tenant, None, 10).await.is_err(), "a list with holes would be a lie");
}

#[tokio::test(start_paused = true)]
async fn preloaded_extensions_are_loaded_before_their_first_call_and_hold_up_nothing() {
    let scene = Scene::new();
    let (x, y) = (of("acme", "x"), of("acme", "y"));
    scene.put(&entry(&x, 1, &[1])).await;
    scene.put(&entry(&y, 1, &[1])).await;
    scene.loads.hold();
    let preload = ["acme/x", "acme/absent"].map(|text| text.parse().unwrap()).to_vec();
    let running = scene.start_with(CatalogSettings { preload, ..CatalogSettings::default() });
    running.ready().await;
    scene.loads.asked(1).await;
    assert_eq!(running.latest(&x).await, 1, "calls need not wait for it here: they wait where it is loaded");
    scene.loads.release();
    a_poll().await;
    assert_eq!((scene.loads.times(), scene.reads()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn entries_in_memory_are_bounded_and_read_again_when_they_are_called() {
    let scene = Scene::new();
    let description = format!("description = \"{}\"\n", "x".repeat(50 << 10));
    let all: Vec<_> = (0..60).map(|at| of("acme", &format!("x{at}"))).collect();
    for of in &all {
        scene.put(&entry_with(of, 1, &[1], &description)).await;
    }
    let running = scene.start_with(CatalogSettings { entries_mb_max: 1, ..CatalogSettings::default() });
    running.ready().await;
    for _ in 0..2 {
        for of in &all {
            assert_eq!(running.latest(of).await, 1);
        }
        a_poll().await;
        let read = running.catalog.status().entries_read;
        assert!((1..=20).contains(&read), "{read} of 50 KiB each in one MiB");
    }
    assert!(scene.reads() > all.len());
}
