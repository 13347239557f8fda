//! The store is gone, slow or not writable: at the start and later.

use std::time::Duration;

use extensions_artifact::{Operation, testing::Fault};
use extensions_catalog::{Catalog as _, Missing, Off, Origin, Unread};
use extensions_store_catalog::Hint;
use extensions_types::SwitchTarget;

use crate::support::{Scene, a_poll, entry, of};

#[tokio::test(start_paused = true)]
async fn a_host_that_never_had_a_catalog_is_not_ready_until_the_store_is_there() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    scene.cut();
    let running = scene.start();
    a_poll().await;
    assert!(!running.catalog.ready());
    assert!(matches!(running.find(&x).await, Err(Missing::Unread(Unread::Unavailable))), "not found would be a lie");
    scene.faults.clear();
    a_poll().await;
    assert!(running.catalog.ready());
    assert_eq!(running.latest(&x).await, 1);
}

#[tokio::test(start_paused = true)]
async fn readiness_needs_control_as_well() {
    let scene = Scene::new();
    scene.meet(Operation::Get, Fault::Refused);
    let running = scene.start();
    a_poll().await;
    assert!(!running.catalog.ready(), "what is switched off is not known");
    assert_eq!(running.catalog.status().origin, Origin::Store);
    scene.faults.clear();
    a_poll().await;
    assert!(running.catalog.ready());
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_store_uses_the_last_copy() {
    let scene = Scene::new();
    let (used, unused, stopped) = (of("acme", "used"), of("acme", "unused"), of("acme", "stopped"));
    for of in [&used, &unused, &stopped] {
        scene.put(&entry(of, 1, &[1])).await;
    }
    let target = SwitchTarget::Extension { tenant: stopped.tenant.clone(), extension: stopped.extension.clone() };
    scene.put_control((1, 4), &[target]).await;
    let running = scene.ready().await;
    running.latest(&used).await;
    running.latest(&stopped).await;
    a_poll().await;
    drop(running);
    scene.cut();
    let running = scene.ready().await;
    let status = running.catalog.status();
    assert_eq!((status.origin, status.index_age_s, status.entries), (Origin::LastCopy, None, 3));
    assert_eq!((status.control.generation, status.control.seq), (1, 4));
    assert_eq!(running.latest(&used).await, 1);
    let stopped_version = running.find(&stopped).await.unwrap().current().unwrap().clone();
    assert_eq!(running.catalog.forced_off(&stopped_version.definition), Some(Off::Extension), "switches outlive a restart");
    assert!(matches!(running.find(&unused).await, Err(Missing::Unread(Unread::Unavailable))), "known, and never read");
    assert!(matches!(running.find(&of("acme", "other")).await, Err(Missing::Nothing)));
    scene.faults.clear();
    scene.put(&entry(&used, 2, &[2])).await;
    a_poll().await;
    a_poll().await;
    assert_eq!((running.latest(&used).await, running.latest(&unused).await), (2, 1), "the store is back");
    assert_eq!(running.catalog.status().origin, Origin::Store);
}

#[tokio::test(start_paused = true)]
async fn without_control_nothing_runs_that_may_be_switched_off() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    scene.put_control((1, 1), &[]).await;
    let running = scene.ready().await;
    let version = running.find(&x).await.unwrap().current().unwrap().clone();
    assert_eq!(running.catalog.forced_off(&version.definition), None);
    let (unread, _home) = scene.unfollowed();
    assert_eq!(unread.forced_off(&version.definition), Some(Off::Unknown), "a host that never read control");
}

#[tokio::test(start_paused = true)]
async fn what_a_hint_brought_is_in_the_last_copy() {
    let scene = Scene::new();
    let running = scene.ready().await;
    let (x, mut changes) = (of("acme", "x"), running.catalog.changes());
    scene.put(&entry(&x, 1, &[1])).await;
    running.catalog.hint(Hint::Entry { tenant: x.tenant.clone(), extension: x.extension.clone(), seq: 1 });
    changes.changed().await;
    a_poll().await;
    drop(running);
    scene.cut();
    let running = scene.ready().await;
    assert_eq!(running.catalog.status().origin, Origin::LastCopy);
    assert_eq!(running.latest(&x).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_holds_up_a_start_with_a_copy_for_two_seconds_only() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    running.latest(&x).await;
    a_poll().await;
    drop(running);
    scene.faults.rule(|_| Some(Fault::Delay(Duration::from_secs(4))));
    let before = tokio::time::Instant::now();
    let running = scene.ready().await;
    assert!(before.elapsed() < Duration::from_millis(2_500), "{:?}", before.elapsed());
    assert_eq!(running.catalog.status().origin, Origin::LastCopy);
    a_poll().await;
    assert_eq!(running.catalog.status().origin, Origin::Store, "slow is not gone");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_goes_on_while_the_store_is_gone() {
    let scene = Scene::new();
    let (x, y) = (of("acme", "x"), of("acme", "y"));
    scene.put(&entry(&x, 1, &[1])).await;
    scene.put(&entry(&y, 1, &[1])).await;
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 1);
    for fault in [Fault::Refused, Fault::Error, Fault::Silent] {
        scene.faults.rule(move |_| Some(fault));
        for _ in 0..5 {
            a_poll().await;
        }
        assert_eq!(running.latest(&x).await, 1);
        assert!(running.find(&y).await.is_err());
        let status = running.catalog.status();
        assert!(running.catalog.ready() && status.index_age_s.unwrap() >= 20, "{status:?}");
        assert!(status.control.problem.is_some());
    }
    scene.faults.clear();
    scene.put(&entry(&x, 2, &[2])).await;
    for _ in 0..4 {
        a_poll().await;
    }
    assert_eq!((running.latest(&x).await, running.latest(&y).await), (2, 1));
    assert!(running.catalog.status().control.problem.is_none());
}

#[tokio::test(start_paused = true)]
async fn another_stores_copy_is_not_used() {
    let scene = Scene::new();
    scene.put(&entry(&of("acme", "x"), 1, &[1])).await;
    let running = scene.ready().await;
    a_poll().await;
    drop(running);
    let moved = Scene::new().at(scene.home());
    moved.cut();
    let running = moved.start();
    a_poll().await;
    assert!(!running.catalog.ready());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_cannot_be_written_costs_the_copy_and_nothing_else() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.start();
    std::fs::remove_dir_all(scene.folder()).unwrap();
    running.ready().await;
    assert_eq!(running.latest(&x).await, 1);
    scene.put(&entry(&x, 2, &[2])).await;
    a_poll().await;
    assert_eq!(running.latest(&x).await, 2);
}
