//! Reconciler and rebuild: what a killed registry, a lost object or a restored
//! backup leaves, and what is not to be touched.

use std::time::Duration;

use bytes::Bytes;
use extensions_artifact::{
    Operation, Timing,
    testing::{Fault, Faults},
};
use extensions_registry_core::Action;
use extensions_registry_ledger::{Ledger, LedgerError, RebuildOptions, Wrong};
use extensions_types::{Environment, RiskTier};

use crate::{
    check,
    kit::{Driver, World, command, component, draft, off, operator, owned, person, version},
};

async fn released(world: &World) -> Driver {
    let mut driver = Driver::new(world.ledger(), owned("order-check"));
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Prod).await;
    let two = driver.build(RiskTier::Low).await;
    driver.release(two, Environment::Prod).await;
    driver
}

async fn rebuild(ledger: &Ledger) -> extensions_registry_ledger::RebuildReport {
    ledger.rebuild(&RebuildOptions { verify_objects: true, ..RebuildOptions::default() }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_task_repairs_what_markers_name_within_ten_seconds() {
    let world = World::new();
    let driver = released(&world).await;
    let faults = Faults::default();
    // Prod's store refuses the entry: recorded, and not served.
    faults.rule(|call| (call.operation == Operation::Swap && call.path.starts_with("_env/prod/")).then_some(Fault::Refused));
    let cut_off = world.faulty(&faults, Timing::default());
    let disable = command("disable", Action::SetEnabled { env: Environment::Prod, enabled: false });
    let error = cut_off.run(&driver.of, &disable, &person("rita")).await.unwrap_err();
    assert!(matches!(error, LedgerError::Unserved { env: Environment::Prod, .. }), "{error:?}");
    let registry = world.ledger();
    let reconciler = registry.reconcile();
    let begun = tokio::time::Instant::now();
    while driver.ledger.entry(&driver.of, Environment::Prod).await.unwrap().unwrap().enabled {
        assert!(begun.elapsed() < Duration::from_secs(11));
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    drop(reconciler);
    check::after_repair(&world, &driver.of).await;
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_its_event_stays_until_nobody_can_want_it() {
    let world = World::new();
    let mut driver = released(&world).await;
    let next = driver.ledger.fold(&driver.of).await.unwrap().applied_seq + 1;
    let marker = driver.of.pending(Environment::Prod, next);
    world.own.put(&marker, Bytes::from_static(b"{\"schema\":1}")).await.unwrap();
    let registry = world.ledger();
    let round = registry.reconcile_pending().await.unwrap();
    assert_eq!((round.markers_kept, round.markers_removed), (1, 0));
    tokio::time::advance(Duration::from_secs(14 * 60)).await;
    assert_eq!(registry.reconcile_pending().await.unwrap().markers_kept, 1);
    tokio::time::advance(Duration::from_secs(2 * 60)).await;
    assert_eq!(registry.reconcile_pending().await.unwrap().markers_removed, 1, "given up");
    // Once the history has come so far, at once.
    world.own.put(&marker, Bytes::from_static(b"{\"schema\":1}")).await.unwrap();
    driver.must(&person("ann"), draft(RiskTier::Low, "x")).await;
    assert_eq!(world.ledger().reconcile_pending().await.unwrap().markers_removed, 1);
}

#[tokio::test]
async fn derived_documents_come_back_from_events_alone() {
    let world = World::new();
    let driver = released(&world).await;
    let of = &driver.of;
    driver.ledger.change_control(Environment::Prod, &off("a"), &operator()).await.unwrap();
    let (before, entry) = (driver.ledger.read(of).await.unwrap(), driver.ledger.entry(of, Environment::Prod).await.unwrap().unwrap());
    for key in [of.head(), of.entry(Environment::Dev)] {
        world.own.put(&key, Bytes::from_static(b"garbage")).await.unwrap();
    }
    world.prod.delete(&of.entry(Environment::Prod)).await.unwrap();
    world.prod.delete(&extensions_artifact::Key::ControlState { env: Environment::Prod }).await.unwrap();
    assert_eq!(driver.ledger.read(of).await.unwrap(), before, "damage is read around");
    let report = rebuild(&world.ledger()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.extensions, report.heads, report.entries, report.controls), (1, 1, 3, 1));
    let again = driver.ledger.entry(of, Environment::Prod).await.unwrap().unwrap();
    assert!(again.order() > entry.order(), "{:?} outranks {:?}", again.order(), entry.order());
    assert_eq!(driver.ledger.read(of).await.unwrap().generation, again.generation);
    assert_eq!(driver.ledger.control(Environment::Prod).await.unwrap().state.switches.len(), 1);
    check::after_repair(&world, of).await;
    let report = world.ledger().rebuild(&RebuildOptions { at_least_generation: 40, ..RebuildOptions::default() }).await.unwrap();
    assert_eq!(report.generation, 40);
    // Commands go on under the new generation.
    let mut driver = Driver::new(world.ledger(), of.clone());
    driver.must(&person("rolf"), Action::SetEnabled { env: Environment::Prod, enabled: false }).await;
    assert_eq!(driver.ledger.entry(of, Environment::Prod).await.unwrap().unwrap().generation, 40);
}

#[tokio::test]
async fn a_restored_history_that_lacks_events_is_refused_until_it_is_rebuilt() {
    let world = World::new();
    let driver = released(&world).await;
    let of = &driver.of;
    let last = driver.ledger.fold(of).await.unwrap().applied_seq;
    // The backup did not have the last event, the promotion to prod; entries are prod's own.
    world.own.delete(&of.event(last)).await.unwrap();
    world.own.delete(&of.head()).await.unwrap();
    let promote = command("again", Action::Promote { version: version(1), env: Environment::Prod });
    let mut state = driver.ledger.read(of).await.unwrap();
    assert_eq!(state.applied_seq, last - 1);
    let disable = command("disable", Action::SetEnabled { env: Environment::Prod, enabled: false });
    let error = world.ledger().run(of, &disable, &person("rita")).await.unwrap_err();
    // Its own number is the missing one: what prod serves outranks it.
    assert!(matches!(error, LedgerError::Ahead { env: Environment::Prod, .. }), "{error:?}");
    let report = rebuild(&world.ledger()).await;
    assert!(report.is_complete(), "nothing tells that there was more: {report:?}");
    let entry = driver.ledger.entry(of, Environment::Prod).await.unwrap().unwrap();
    assert_eq!(entry.current, version(1), "prod serves what the history says");
    assert!(!world.ledger().run(of, &promote, &person("rita")).await.unwrap().changed);
    assert!(world.ledger().run(of, &disable, &person("rita")).await.unwrap().changed);
    state = check::after_repair(&world, of).await.1;
    assert_eq!(state.applied_seq, last);
}

#[tokio::test]
async fn what_the_history_knows_nothing_of_is_taken_away() {
    let world = World::new();
    let mut driver = Driver::new(world.ledger(), owned("order-check"));
    let one = driver.build(RiskTier::Low).await;
    let before = driver.ledger.fold(&driver.of).await.unwrap().applied_seq;
    driver.release(one, Environment::Dev).await;
    for seq in before + 1..=driver.ledger.fold(&driver.of).await.unwrap().applied_seq {
        world.own.delete(&driver.of.event(seq)).await.unwrap();
    }
    world.own.delete(&driver.of.head()).await.unwrap();
    let report = rebuild(&world.ledger()).await;
    assert_eq!((report.entries, report.entries_removed), (0, 1), "{report:?}");
    assert_eq!(driver.ledger.entry(&driver.of, Environment::Dev).await.unwrap(), None);
}

#[tokio::test]
async fn losses_are_named() {
    let world = World::new();
    let mut driver = released(&world).await;
    let of = driver.of.clone();
    driver.must(&person("ann"), draft(RiskTier::Low, "last")).await;
    let last = driver.ledger.fold(&of).await.unwrap().applied_seq;
    world.own.delete(&of.definition(version(1))).await.unwrap();
    world.own.put(&of.source(version(2)), Bytes::from_static(b"other")).await.unwrap();
    world.own.delete(&of.component(version(1))).await.unwrap();
    world.own.delete(&of.event(last - 1)).await.unwrap();
    let report = rebuild(&world.ledger()).await;
    assert_eq!(report.components_restored, 1, "prod has a copy: {report:?}");
    assert!(world.own.get(&of.component(version(1))).await.unwrap().is_some());
    let mut found: Vec<_> = report.findings.iter().map(|finding| (finding.wrong, finding.key.clone())).collect();
    found.sort_by(|one, other| one.1.cmp(&other.1));
    let wanted = [
        (Wrong::ObjectMissing, of.definition(version(1)).path()),
        (Wrong::EventMissing, of.event(last - 1).path()),
        (Wrong::EventStranded, of.event(last).path()),
        (Wrong::ObjectDamaged, of.source(version(2)).path()),
    ];
    assert_eq!(found, wanted);
    assert!(!report.is_complete());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_lost_component_is_not_served_anew() {
    let world = World::new();
    let mut driver = released(&world).await;
    let three = driver.build(RiskTier::Low).await;
    let component_key = driver.of.component(three);
    world.own.delete(&component_key).await.unwrap();
    let before = driver.ledger.fold(&driver.of).await.unwrap();
    let lost = driver.tell(&person("rita"), Action::Promote { version: three, env: Environment::Dev }).await.unwrap_err();
    assert_eq!(lost.code(), extensions_types::ErrorCode::ArtifactCorrupt, "{lost:?}");
    world.own.put(&component_key, Bytes::from_static(b"other bytes")).await.unwrap();
    let wrong = driver.tell(&person("rita"), Action::Promote { version: three, env: Environment::Dev }).await.unwrap_err();
    assert_eq!(wrong.code(), extensions_types::ErrorCode::ArtifactCorrupt, "{wrong:?}");
    assert_eq!(driver.ledger.fold(&driver.of).await.unwrap(), before);
    assert!(!wrong.public().contains(".wasm"), "no paths for the public");
    // A listed one that is lost does not stand in the way of switching off.
    world.prod.delete(&driver.of.component(version(2))).await.unwrap();
    world.own.delete(&driver.of.component(version(2))).await.unwrap();
    driver.must(&person("rita"), Action::SetEnabled { env: Environment::Prod, enabled: false }).await;
    let on = driver.tell(&person("rita"), Action::SetEnabled { env: Environment::Prod, enabled: true }).await.unwrap_err();
    assert_eq!(on.code(), extensions_types::ErrorCode::ArtifactCorrupt, "{on:?}");
    // With good bytes in the registry's store, damage in prod is mended on the way.
    world.own.put(&driver.of.component(version(2)), component(version(2))).await.unwrap();
    world.prod.put(&driver.of.component(version(2)), Bytes::from_static(b"damage")).await.unwrap();
    driver.must(&person("rita"), Action::SetEnabled { env: Environment::Prod, enabled: true }).await;
    let state = driver.ledger.fold(&driver.of).await.unwrap();
    assert_eq!(world.prod.get(&driver.of.component(version(2))).await.unwrap().unwrap().bytes, component(version(2)));
    assert!(state.serving(Environment::Prod).unwrap().enabled);
}

#[tokio::test]
async fn documents_of_an_unknown_schema_are_refused_by_name() {
    let world = World::new();
    let mut driver = released(&world).await;
    let before = driver.ledger.fold(&driver.of).await.unwrap();
    let newer = Bytes::from_static(b"{\"schema\":2}");
    world.own.put(&driver.of.event(before.applied_seq + 1), newer.clone()).await.unwrap();
    let error = driver.tell(&person("ann"), draft(RiskTier::Low, "x")).await.unwrap_err();
    assert!(matches!(&error, LedgerError::Document { source, .. } if source.to_string().contains("schema 2")), "{error:?}");
    world.own.delete(&driver.of.event(before.applied_seq + 1)).await.unwrap();
    world.own.put(&driver.of.head(), newer.clone()).await.unwrap();
    let error = driver.tell(&person("ann"), draft(RiskTier::Low, "x")).await.unwrap_err();
    assert!(matches!(error, LedgerError::Document { .. }), "{error:?}");
    assert_eq!(world.own.get(&driver.of.head()).await.unwrap().unwrap().bytes, newer, "and left alone");
}

#[tokio::test]
async fn a_clock_that_jumps_orders_nothing() {
    let world = World::new();
    let of = owned("order-check");
    let times = std::sync::Mutex::new(vec![1_790_000_000_000, 5, u64::MAX, 0, 1_790_000_000_001, 3]);
    let jumping = extensions_registry_ledger::Clock::from_fn(move || times.lock().unwrap().pop().unwrap_or(7));
    let ledger = Ledger::new(world.stores(), extensions_registry_core::Policy::default(), jumping);
    let mut driver = Driver::new(ledger, of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Prod).await;
    let create = command("key", draft(RiskTier::Low, "new"));
    let first = driver.ledger.run(&of, &create, &person("ann")).await.unwrap();
    let again = driver.ledger.run(&of, &create, &person("ann")).await.unwrap();
    assert_eq!(first.seq, again.seq);
    check::after_repair(&world, &of).await;
}

/// The list of markers is late: the next round sees them.
#[tokio::test]
async fn a_stale_list_delays_and_loses_nothing() {
    let world = World::new();
    let driver = released(&world).await;
    let faults = Faults::default();
    faults.rule(|call| (call.operation == Operation::Swap && call.path.starts_with("_env/")).then_some(Fault::Refused));
    let cut_off = world.faulty(&faults, Timing::default());
    let disable = command("disable", Action::SetEnabled { env: Environment::Dev, enabled: false });
    cut_off.run(&driver.of, &disable, &person("rita")).await.unwrap_err();
    faults.rule(|call| (call.operation == Operation::List).then_some(Fault::Stale(1_000)));
    let late = cut_off.reconcile_pending().await.unwrap();
    assert_eq!((late.looked_at, late.failed), (0, 0));
    faults.clear();
    assert_eq!(cut_off.reconcile_pending().await.unwrap().entries_written, 1);
    check::after_repair(&world, &driver.of).await;
}

/// Without any marker: the look at everything after a start finds it.
#[tokio::test]
async fn the_look_at_everything_needs_no_marker() {
    let world = World::new();
    let driver = released(&world).await;
    world.prod.delete(&driver.of.entry(Environment::Prod)).await.unwrap();
    world.prod.delete(&driver.of.component(version(2))).await.unwrap();
    world.own.delete(&driver.of.head()).await.unwrap();
    assert_eq!(world.ledger().reconcile_pending().await.unwrap().entries_written, 0);
    let done = world.ledger().reconcile_all().await.unwrap();
    assert_eq!((done.looked_at, done.entries_written, done.failed), (1, 1, 0));
    assert!(world.own.get(&driver.of.head()).await.unwrap().is_some());
    check::after_repair(&world, &driver.of).await;
}
