//! A changed entry: seen by calls when it is ready, and never back.

use extensions_catalog::{Catalog as _, Missing, NotServed};
use extensions_types::EntryDocument;

use crate::support::{Scene, a_poll, entry, entry_with, label, of, version};

#[tokio::test(start_paused = true)]
async fn what_is_not_loaded_changes_with_the_next_list() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 1);
    scene.put(&entry(&x, 2, &[1, 2])).await;
    a_poll().await;
    assert_eq!((running.latest(&x).await, scene.loads.times()), (2, 0));
    assert_eq!(running.call(&x, "anyone", "1").await, Ok(1));
    assert_eq!(running.call(&x, "anyone", "3").await, Err(NotServed::NotListed { version: version(3), current: version(2) }));
}

#[tokio::test(start_paused = true)]
async fn a_loaded_extension_switches_when_the_new_version_is_loaded() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.loads.loaded(running.find(&x).await.unwrap().current().unwrap());
    scene.loads.hold();
    scene.put(&entry(&x, 2, &[2])).await;
    scene.loads.asked(1).await;
    assert_eq!(running.latest(&x).await, 1, "the new one is being loaded");
    a_poll().await;
    assert_eq!(running.latest(&x).await, 1);
    scene.loads.release();
    a_poll().await;
    assert_eq!(running.latest(&x).await, 2);
    assert_eq!(running.call(&x, "anyone", "1").await, Err(NotServed::NotListed { version: version(1), current: version(2) }));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_cannot_be_loaded_leaves_the_last_good_one_and_status_says_so() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.loads.loaded(running.find(&x).await.unwrap().current().unwrap());
    scene.loads.fail(2, true);
    scene.put(&entry(&x, 2, &[2])).await;
    a_poll().await;
    assert_eq!(running.latest(&x).await, 1);
    assert!(running.problem(&x).unwrap().contains("version 2 cannot be loaded: scripted"));
    scene.loads.fail(2, false);
    a_poll().await;
    assert_eq!((running.latest(&x).await, running.problem(&x)), (2, None));
}

#[tokio::test(start_paused = true)]
async fn switches_and_newer_states_do_not_wait_for_a_load() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.loads.loaded(running.find(&x).await.unwrap().current().unwrap());
    scene.loads.hold();
    scene.put(&entry(&x, 2, &[2])).await;
    scene.loads.asked(1).await;
    scene.put(&EntryDocument { enabled: false, ..entry(&x, 3, &[2]) }).await;
    assert!(running.catalog.refresh(&x.tenant, &x.extension).await.is_ok());
    assert_eq!(running.call(&x, "anyone", "latest").await, Err(NotServed::Disabled));
    scene.put(&entry(&x, 4, &[2])).await;
    a_poll().await;
    assert_eq!(running.latest(&x).await, 1, "enabled again, and still not loaded");
}

#[tokio::test(start_paused = true)]
async fn pins_follow_when_their_version_is_loaded() {
    let scene = Scene::new();
    let x = of("acme", "x");
    let pinned = |seq, pin| EntryDocument { caller_pins: [(label("orders"), version(pin))].into(), ..entry(&x, seq, &[1, 2, 3]) };
    scene.put(&pinned(1, 1)).await;
    let running = scene.ready().await;
    let served = running.find(&x).await.unwrap();
    scene.loads.loaded(&served.versions[&version(1)]);
    scene.loads.loaded(&served.versions[&version(3)]);
    assert_eq!(running.call(&x, "orders", "latest").await, Ok(1));
    scene.loads.hold();
    scene.put(&pinned(2, 2)).await;
    scene.loads.asked(1).await;
    assert_eq!(running.call(&x, "orders", "latest").await, Ok(1), "version 2 is being loaded");
    assert_eq!(running.latest(&x).await, 3);
    scene.loads.release();
    a_poll().await;
    assert_eq!(running.call(&x, "orders", "latest").await, Ok(2));
    assert_eq!(running.call(&x, "orders", "3").await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_back_unless_the_generation_is_raised() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 7, &[1, 2])).await;
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 2);
    scene.put(&entry(&x, 6, &[1])).await;
    a_poll().await;
    assert_eq!(running.latest(&x).await, 2);
    assert!(running.problem(&x).unwrap().contains("older state"));
    drop(running);
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 2, "a restart does not forget how far it was");
    scene.put(&EntryDocument { generation: 2, ..entry(&x, 3, &[1]) }).await;
    a_poll().await;
    assert_eq!((running.latest(&x).await, running.problem(&x)), (1, None));
}

#[tokio::test(start_paused = true)]
async fn the_same_version_under_another_definition_is_another_thing() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    let before = running.find(&x).await.unwrap();
    scene.put(&entry(&x, 2, &[1])).await;
    a_poll().await;
    let same = running.find(&x).await.unwrap();
    assert_eq!(before.current().unwrap().key(), same.current().unwrap().key(), "read anew, and the same");
    scene.put(&entry_with(&x, 3, &[1], "[limits]\ncpu_millis = 7\n")).await;
    a_poll().await;
    let other = running.find(&x).await.unwrap();
    assert_ne!(before.current().unwrap().key(), other.current().unwrap().key());
}

#[tokio::test(start_paused = true)]
async fn whoever_changed_an_entry_can_wait_until_it_is_served() {
    let scene = Scene::new();
    let (x, y) = (of("acme", "x"), of("acme", "y"));
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 1);
    scene.put(&entry(&x, 2, &[2])).await;
    scene.put(&entry(&y, 1, &[1])).await;
    let before = tokio::time::Instant::now();
    running.catalog.refresh(&x.tenant, &x.extension).await.unwrap();
    running.catalog.refresh(&y.tenant, &y.extension).await.unwrap();
    assert_eq!((running.latest(&x).await, running.latest(&y).await), (2, 1));
    assert_eq!(scene.loads.times(), 2, "both are loaded");
    assert!(before.elapsed() < std::time::Duration::from_secs(1), "no list was waited for");
    scene.loads.fail(3, true);
    scene.put(&entry(&x, 3, &[3])).await;
    let refused = running.catalog.refresh(&x.tenant, &x.extension).await.unwrap_err().to_string();
    assert!(refused.contains("version 3 cannot be loaded"), "{refused}");
    assert_eq!(running.latest(&x).await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_gone_is_not_found_and_a_stale_list_takes_nothing_away() {
    let scene = Scene::new();
    let (x, y) = (of("acme", "x"), of("acme", "y"));
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.put(&entry(&y, 1, &[1])).await;
    running.catalog.refresh(&y.tenant, &y.extension).await.unwrap();
    // The list leaves out what was put lately, and gives old etags for nothing.
    scene
        .faults
        .rule(|call| (call.operation == extensions_artifact::Operation::List).then_some(extensions_artifact::testing::Fault::Stale(1_000_000)));
    let faulty = extensions_artifact::Store::over(scene.faults.over(scene.backend()));
    faulty.put(&y.entry(crate::support::ENV), extensions_artifact::document::encode(&entry(&y, 2, &[2])).unwrap()).await.unwrap();
    a_poll().await;
    assert_eq!(running.latest(&y).await, 2, "asked for by name, it is there");
    scene.faults.clear();
    scene.writer().delete(&x.entry(crate::support::ENV)).await.unwrap();
    a_poll().await;
    assert!(matches!(running.find(&x).await, Err(Missing::Nothing)));
    assert_eq!(running.catalog.status().entries, 1);
}
