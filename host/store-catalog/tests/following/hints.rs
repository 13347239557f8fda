//! Hints: what they make a host do, and what they cannot.

use std::time::Duration;

use extensions_artifact::{Operation, Owned, testing::Fault};
use extensions_catalog::{Catalog as _, Off};
use extensions_store_catalog::{Hint, Served, ServedState};
use extensions_types::{EntryDocument, SwitchTarget};
use tokio::time::Instant;

use crate::support::{Running, Scene, a_poll, entry, of, version};

fn hint(of: &Owned, seq: u64) -> Hint {
    Hint::Entry { tenant: of.tenant.clone(), extension: of.extension.clone(), seq }
}

fn served(of: &Owned, seq: u64, number: u64, problem: Option<&str>) -> Served {
    let state = problem.map_or(ServedState::Served, |problem| ServedState::Kept { problem: problem.to_owned() });
    Served { tenant: of.tenant.clone(), extension: of.extension.clone(), generation: 1, seq, version: Some(version(number)), state }
}

/// Long enough for whatever a hint begins, too short for a poll.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

fn operations(scene: &Scene, operation: Operation) -> usize {
    scene.faults.calls().iter().filter(|call| call.operation == operation && call.path.contains("entries")).count()
}

/// An extension whose version 1 is loaded.
async fn in_use(scene: &Scene, x: &Owned) -> Running {
    scene.put(&entry(x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.loads.loaded(running.find(x).await.unwrap().current().unwrap());
    running
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_loaded_and_served_though_nobody_called_it_and_no_poll_came() {
    let scene = Scene::new();
    let (x, new) = (of("acme", "x"), of("acme", "new"));
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    let (mut changes, before) = (running.catalog.changes(), Instant::now());
    scene.put(&entry(&x, 2, &[1, 2])).await;
    running.catalog.hint(hint(&x, 2));
    changes.changed().await;
    assert_eq!(changes.take().changes, [served(&x, 2, 2, None)]);
    scene.put(&entry(&new, 1, &[1])).await;
    running.catalog.hint(hint(&new, 1));
    changes.changed().await;
    assert_eq!(changes.take().changes, [served(&new, 1, 1, None)]);
    assert!(before.elapsed() < Duration::from_millis(10), "{:?}", before.elapsed());
    assert_eq!((scene.loads.times(), scene.reads()), (2, 2));
    assert_eq!((running.latest(&x).await, running.latest(&new).await), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_costs_nothing_and_nothing_goes_back() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 7, &[1, 2])).await;
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 2);
    let calls = scene.faults.count();
    (0..=7).for_each(|seq| running.catalog.hint(hint(&x, seq)));
    a_moment().await;
    assert_eq!(scene.faults.count(), calls);
    scene.put(&entry(&x, 6, &[1])).await;
    running.catalog.hint(hint(&x, u64::MAX));
    a_moment().await;
    assert_eq!(running.latest(&x).await, 2, "the store was asked, and is older");
    assert!(running.problem(&x).unwrap().contains("older state"));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_version_is_kept_and_everybody_is_told() {
    let scene = Scene::new();
    let x = of("acme", "x");
    let running = in_use(&scene, &x).await;
    let mut changes = running.catalog.changes();
    scene.loads.fail(2, true);
    scene.put(&entry(&x, 2, &[1, 2])).await;
    running.catalog.hint(hint(&x, 2));
    a_moment().await;
    assert_eq!(running.latest(&x).await, 1);
    assert_eq!(changes.take().changes, [served(&x, 2, 1, Some("version 2 cannot be loaded: scripted"))]);
    let status = running.catalog.status();
    assert_eq!((status.kept, status.problems_total, status.problems[0].kept), (1, 1, Some(version(1))));
    a_poll().await;
    assert!(changes.take().changes.is_empty(), "tried again, with the same end");
    scene.loads.fail(2, false);
    a_poll().await;
    assert_eq!(changes.take().changes, [served(&x, 2, 2, None)]);
    assert_eq!((running.latest(&x).await, running.catalog.status().kept), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_during_a_promotion_ends_at_the_last_state_without_waiting() {
    let scene = Scene::new();
    let x = of("acme", "x");
    let running = in_use(&scene, &x).await;
    let mut changes = running.catalog.changes();
    scene.loads.loaded(running.find(&x).await.unwrap().current().unwrap());
    scene.loads.hold();
    scene.put(&entry(&x, 2, &[1, 2])).await;
    running.catalog.hint(hint(&x, 2));
    scene.loads.asked(1).await;
    scene.put(&entry(&x, 3, &[2, 1])).await;
    running.catalog.hint(hint(&x, 3));
    running.catalog.hint(hint(&x, 2));
    scene.loads.asked(2).await;
    scene.loads.release();
    a_moment().await;
    assert_eq!(changes.take().changes, [served(&x, 3, 1, None)]);
    a_poll().await;
    assert_eq!(running.latest(&x).await, 1);
    assert!(changes.take().changes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn invented_names_are_looked_for_within_bounds_and_change_nothing() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    let lists = operations(&scene, Operation::List);
    for at in 0..20_000 {
        running.catalog.hint(hint(&of("nobody", &format!("x{at}")), 9));
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let heads = operations(&scene, Operation::Head);
    assert!((1..=1_024).contains(&heads), "{heads}");
    assert_eq!(operations(&scene, Operation::Get), 0);
    assert_eq!(operations(&scene, Operation::List) - lists, 1, "a flood is one list");
    let status = running.catalog.status();
    assert_eq!((status.entries, status.hints_dropped), (1, 20_000 - heads as u64));
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_in_force_at_once_where_it_is_announced() {
    let scene = Scene::new();
    let x = of("acme", "x");
    let running = in_use(&scene, &x).await;
    let entry = running.find(&x).await.unwrap();
    let off = || running.catalog.forced_off(&entry.current().unwrap().definition);
    scene.put_control((1, 3), &[SwitchTarget::Tenant { tenant: x.tenant.clone() }]).await;
    let mut changes = running.catalog.changes();
    running.catalog.hint(Hint::Control { seq: 3 });
    changes.changed().await;
    assert_eq!(off(), Some(Off::Tenant));
    let calls = scene.faults.count();
    for seq in 0..=3 {
        running.catalog.hint(Hint::Control { seq });
    }
    a_moment().await;
    assert_eq!(scene.faults.count(), calls, "it is known");
    scene.put_control((1, 2), &[]).await;
    running.catalog.hint(Hint::Control { seq: 9 });
    a_moment().await;
    assert_eq!(off(), Some(Off::Tenant), "never back");
}

#[tokio::test(start_paused = true)]
async fn a_partitioned_host_catches_up_by_one_list() {
    let scene = Scene::new();
    let all: Vec<_> = (0..50).map(|at| of(&format!("t{}", at % 5), &format!("x{at}"))).collect();
    for x in &all {
        scene.put(&entry(x, 1, &[1])).await;
    }
    let running = scene.ready().await;
    for x in &all {
        scene.loads.loaded(running.find(x).await.unwrap().current().unwrap());
    }
    scene.cut();
    for x in &all {
        scene.put(&entry(x, 2, &[1, 2])).await;
        running.catalog.hint(hint(x, 2));
    }
    scene.put(&EntryDocument { enabled: false, ..entry(&all[0], 3, &[1, 2]) }).await;
    tokio::time::sleep(Duration::from_secs(180)).await;
    for x in &all {
        assert_eq!(running.latest(x).await, 1, "what is known goes on");
    }
    assert_eq!(running.catalog.status().store_reachable, Some(false));
    let mut changes = running.catalog.changes();
    scene.faults.reset();
    running.catalog.hint(Hint::Everything);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(operations(&scene, Operation::List), 1);
    let told = changes.take().changes;
    assert_eq!(told.len(), 50);
    assert!(told.iter().all(|served| served.state == ServedState::Served && served.seq == 2 + u64::from(served.version.is_none())));
    for x in &all[1..] {
        assert_eq!(running.latest(x).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_hint_costs_a_poll_and_the_change_is_told_though_nobody_calls_it() {
    let scene = Scene::new();
    let (x, new) = (of("acme", "x"), of("acme", "new"));
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    let mut changes = running.catalog.changes();
    scene.put(&entry(&x, 2, &[1, 2])).await;
    scene.put(&entry(&new, 1, &[1])).await;
    a_poll().await;
    let mut told = changes.take().changes;
    told.sort_by_key(|served| served.seq);
    assert_eq!(told, [served(&new, 1, 1, None), served(&x, 2, 2, None)]);
    assert_eq!(scene.loads.times(), 0, "it is loaded when it is called");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_holds_up_no_other_extensions_reload() {
    let scene = Scene::new();
    let (slow, quick) = (of("slow", "x"), of("quick", "x"));
    scene.put(&entry(&slow, 1, &[1])).await;
    let running = in_use(&scene, &quick).await;
    scene.faults.rule(|call| call.path.contains("/slow/").then_some(Fault::Delay(Duration::from_secs(1))));
    (2..10).for_each(|seq| running.catalog.hint(hint(&slow, seq)));
    scene.put(&entry(&quick, 2, &[1, 2])).await;
    running.catalog.hint(hint(&quick, 2));
    a_moment().await;
    assert_eq!(running.latest(&quick).await, 2);
}
