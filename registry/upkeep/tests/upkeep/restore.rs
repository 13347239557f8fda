//! Restore: everything back, later than what hosts saw, and what is not is said.

use extensions_artifact::{Key, Prefix, Store, testing::in_memory};
use extensions_registry_core::Action;
use extensions_registry_ledger::{LedgerError, Stores};
use extensions_registry_upkeep::{ObjectKind, RestoreOptions, RestoreReport, unwatched};
use extensions_types::{Environment, Version};

use crate::{
    backup::{backed_up_world, backup},
    kills::at_each_request,
    world::{World, of, paths, tenant, truth, version},
};

async fn restore(world: &World, from: &Store) -> RestoreReport {
    world.upkeep.restore(from, RestoreOptions::default(), &unwatched).await.unwrap()
}

/// The registry's store is lost, prod's is not.
fn lost(world: &World) -> World {
    World::over(Stores::single(in_memory()).with(Environment::Prod, world.prod().clone()))
}

#[tokio::test]
async fn an_empty_store_gets_everything_back_in_a_later_generation() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    let before = world.entry(&of("acme/one"), Environment::Prod).await.unwrap();
    let fresh = lost(&world);
    let report = restore(&fresh, &to).await;
    assert!(report.complete(), "{report:?}");
    assert_eq!(fresh.truth().await, world.truth().await);
    assert_eq!(report.put.of(ObjectKind::Component).count, 3);
    for path in ["acme/one", "acme/two", "beta/one"] {
        for &env in Environment::ALL {
            fresh.assert_served(&of(path), env).await;
        }
        assert_eq!(fresh.ledger.fold(&of(path)).await.unwrap(), world.ledger.fold(&of(path)).await.unwrap());
    }
    let after = fresh.entry(&of("acme/one"), Environment::Prod).await.unwrap();
    assert!(after.order() > before.order() && after.generation == report.generation);
    assert_eq!(fresh.ledger.control(Environment::Prod).await.unwrap().state.switches.len(), 1);
    assert!(matches!(fresh.build(&of("gone/one"), "again").await, Err(LedgerError::Erased(_))));
    fresh.serve(&of("acme/one"), "life goes on", Environment::Prod).await;

    // Lost again, restored from the same backup: still later than all that was served meanwhile.
    let between = fresh.entry(&of("acme/one"), Environment::Prod).await.unwrap();
    let again = lost(&fresh);
    assert!(restore(&again, &to).await.generation > report.generation);
    let latest = again.entry(&of("acme/one"), Environment::Prod).await.unwrap();
    assert!(latest.order() > between.order());

    // All stores lost: only hosts remember how far they were.
    let bare = World::in_memory();
    restore(&bare, &to).await;
    assert!(bare.entry(&of("acme/one"), Environment::Prod).await.unwrap().order() > latest.order());
}

#[tokio::test]
async fn what_was_lost_after_the_backup_is_named() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    world.serve(&of("acme/one"), "second", Environment::Prod).await;
    world.serve(&of("late/one"), "first", Environment::Prod).await;
    let fresh = lost(&world);
    let report = restore(&fresh, &to).await;
    let said = report.served_beyond.join("\n");
    assert!(said.contains("prod served version 2 of `acme/one`") && said.contains("it serves version 1 now"), "{said}");
    assert!(said.contains("prod serves version 1 of `late/one`, whose whole history is lost"), "{said}");
    assert!(!report.complete());
    assert_eq!(fresh.entry(&of("acme/one"), Environment::Prod).await.unwrap().current, Version::FIRST);
    fresh.assert_served(&of("acme/one"), Environment::Prod).await;
}

#[tokio::test]
async fn a_damaged_store_is_mended_and_keeps_what_is_newer() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    let (one, two, store) = (of("acme/one"), of("acme/two"), world.registry());
    let second = world.serve(&one, "second", Environment::Dev).await;
    let whole = world.truth().await;
    store.delete(&one.event(2)).await.unwrap();
    store.put(&one.event(4), "torn".into()).await.unwrap();
    store.delete(&one.head()).await.unwrap();
    store.put(&two.component(version(1)), "other bytes".into()).await.unwrap();
    store.delete(&of("beta/one").definition(version(1))).await.unwrap();
    let report = restore(&world, &to).await;
    assert!(report.complete(), "{report:?}");
    assert_eq!((report.newer_events, report.replaced, report.set_aside), (4, 2, 1));
    assert_eq!(report.newer_in_store.len(), 1);
    assert_eq!(world.truth().await, whole);
    assert_eq!(world.entry(&one, Environment::Dev).await.unwrap().current, second);
    world.assert_served(&one, Environment::Dev).await;
}

#[tokio::test]
async fn what_neither_has_is_reported_and_what_lies_behind_is_set_aside() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    let (one, store) = (of("acme/one"), world.registry());
    let second = world.serve(&one, "second", Environment::Dev).await;
    let last = world.ledger.fold(&one).await.unwrap().applied_seq;
    let first_new = last - 3;
    store.delete(&one.event(first_new)).await.unwrap();
    store.delete(&of("acme/two").component(version(1))).await.unwrap();
    to.delete(&of("acme/two").component(version(1))).await.unwrap();
    world.prod().delete(&of("acme/two").component(version(1))).await.unwrap();
    let report = restore(&world, &to).await;
    assert_eq!((report.missing_events.len(), report.set_aside), (1, 3), "{report:?}");
    assert!(report.missing_objects.iter().any(|line| line.contains("acme/two/1.wasm")), "{:?}", report.missing_objects);
    assert!(!report.complete());
    assert_eq!(paths(&to, &Prefix::BackupLost(report.generation)).await.len(), 3, "nothing is thrown away");
    assert!(store.head(&one.event(last)).await.unwrap().is_none());
    assert_eq!(world.entry(&one, Environment::Dev).await.unwrap().current, Version::FIRST);
    // What is left of the lost version keeps its number; the history goes on past it.
    assert!(report.problems.iter().any(|line| line.contains("acme/one/2.wasm")), "{report:?}");
    let occupied = world.build(&one, "third").await.unwrap_err();
    assert!(matches!(occupied, LedgerError::Occupied(number) if number == second), "{occupied}");
    world.serve(&one, "third again", Environment::Dev).await;
}

#[tokio::test]
async fn two_histories_are_for_a_person_to_choose_from() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    let other = World::in_memory();
    other.serve(&of("acme/one"), "another life", Environment::Dev).await;
    let theirs = other.ledger.fold(&of("acme/one")).await.unwrap();
    let report = restore(&other, &to).await;
    assert_eq!(report.parted.len(), 1);
    assert_eq!(other.ledger.fold(&of("acme/one")).await.unwrap(), theirs, "untouched");
    other.assert_served(&of("beta/one"), Environment::Prod).await;
    let chosen = other.upkeep.restore(&to, RestoreOptions { prefer_backup: true }, &unwatched).await.unwrap();
    assert!(chosen.set_aside >= theirs.applied_seq && chosen.parted.is_empty(), "{chosen:?}");
    assert_eq!(other.ledger.fold(&of("acme/one")).await.unwrap(), world.ledger.fold(&of("acme/one")).await.unwrap());
    other.assert_served(&of("acme/one"), Environment::Prod).await;
}

#[tokio::test]
async fn an_erasure_is_applied_again() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    world.erase("acme").await.unwrap();
    // The marker survived, the rest of the store did not, and the backup is older than the marker.
    let fresh = lost(&world);
    let marker = Key::Erased { tenant: tenant("acme") };
    let bytes = world.registry().get(&marker).await.unwrap().unwrap().bytes;
    fresh.registry().create(&marker, bytes).await.unwrap();
    let report = restore(&fresh, &to).await;
    assert!(report.complete(), "{report:?}");
    for store in [fresh.registry(), fresh.prod(), &to] {
        assert_eq!(paths(store, &Prefix::Tenant(tenant("acme"))).await, Vec::<String>::new());
    }
    assert!(to.head(&marker).await.unwrap().is_some());
    fresh.assert_served(&of("beta/one"), Environment::Prod).await;
}

#[tokio::test]
async fn a_damaged_backup_says_so() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    to.delete(&of("beta/one").event(3)).await.unwrap();
    to.put(&of("acme/one").definition(version(1)), "other".into()).await.unwrap();
    let report = restore(&lost(&world), &to).await;
    assert!(report.problems.iter().any(|line| line.contains("beta/one/events")), "{report:?}");
    assert_eq!(report.missing_objects.len(), 1);
    assert!(!report.complete());
}

#[tokio::test]
async fn killed_at_any_request_the_next_one_ends_the_same() {
    let requests = at_each_request(
        async || {
            let (world, to) = (World::in_memory(), in_memory());
            for path in ["acme/one", "beta/one"] {
                world.serve(&of(path), "first", Environment::Prod).await;
            }
            backup(&world, &to).await;
            let (newer, wanted) = (world.serve(&of("acme/one"), "second", Environment::Dev).await, world.truth().await);
            world.registry().delete(&of("acme/one").event(2)).await.unwrap();
            world.registry().put(&of("beta/one").component(version(1)), "other".into()).await.unwrap();
            (world, to, wanted, newer)
        },
        |(world, ..)| world,
        async |(_, to, ..), mortal| drop(restore(mortal, to).await),
        async |(world, to, wanted, newer), number| {
            let report = restore(world, to).await;
            assert!(report.complete(), "killed at {number}: {report:?}");
            assert_eq!(&world.truth().await, wanted, "killed at {number}");
            assert_eq!(world.entry(&of("acme/one"), Environment::Dev).await.unwrap().current, *newer);
            for &env in Environment::ALL {
                world.assert_served(&of("beta/one"), env).await;
            }
            assert!(world.run(&of("acme/one"), Action::Promote { version: *newer, env: Environment::Staging }).await.is_ok());
            assert!(truth(to).await.len() > 10);
        },
    )
    .await;
    assert!(requests > 60, "{requests}");
}
