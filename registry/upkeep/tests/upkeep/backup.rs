//! Backup: the truth and only the truth, once each, and found damaged when it is.

use std::sync::Arc;

use extensions_artifact::{
    Prefix, Store,
    testing::{Faults, in_memory},
};
use extensions_registry_core::{Action, Caller};
use extensions_registry_upkeep::{BackupReport, ObjectKind, UpkeepError, VerifyReport, unwatched};
use extensions_types::Environment;

use crate::{
    gc::elsewhere,
    kills::at_each_request,
    world::{World, of, paths, tenant, truth, version},
};

pub(crate) async fn backed_up_world() -> World {
    let world = World::in_memory();
    for path in ["acme/one", "acme/two", "beta/one"] {
        world.serve(&of(path), "first", Environment::Prod).await;
    }
    world.draft(&of("acme/two"), "a draft").await.unwrap();
    world.switch_off(Environment::Prod, &tenant("beta")).await;
    world.serve(&of("gone/one"), "first", Environment::Dev).await;
    world.erase("gone").await.unwrap();
    world
}

pub(crate) async fn backup(world: &World, to: &Store) -> BackupReport {
    world.upkeep.backup(to, &unwatched).await.unwrap()
}

async fn verify(world: &World, backup: &Store) -> VerifyReport {
    world.upkeep.verify_backup(backup, &unwatched).await.unwrap()
}

#[tokio::test]
async fn the_truth_is_copied_once() {
    let (world, to) = (backed_up_world().await, in_memory());
    let first = backup(&world, &to).await;
    assert!(first.complete(), "{:?}", first.problems);
    assert_eq!(truth(&to).await, world.truth().await);
    let derived = paths(&to, &Prefix::All).await.into_iter().filter(|path| path.ends_with("head.json") || path.contains("/entries/")).count();
    assert_eq!(derived, 0);
    let verified = verify(&world, &to).await;
    assert!(verified.complete(), "{:?}", verified.problems);
    assert_eq!(verified.verified, first.holds);

    let second = backup(&world, &to).await;
    assert_eq!((second.copied.total().count, second.unchanged), (0, 3));
    assert_eq!(second.holds, first.holds);
    world.serve(&of("acme/one"), "second", Environment::Dev).await;
    let third = backup(&world, &to).await;
    assert_eq!((third.copied.of(ObjectKind::Event).count, third.copied.of(ObjectKind::Component).count, third.unchanged), (4, 1, 2));
    assert_eq!(truth(&to).await, world.truth().await);
    assert!(verify(&world, &to).await.complete());
}

#[tokio::test]
async fn a_source_that_came_after_its_event_is_copied_later() {
    let (world, to) = (backed_up_world().await, in_memory());
    let of = of("acme/one");
    let version = world.draft(&of, "later").await.unwrap();
    let source = world.registry().get(&of.source(version)).await.unwrap().unwrap().bytes;
    world.registry().delete(&of.source(version)).await.unwrap();
    assert!(backup(&world, &to).await.complete());
    world.ledger.put_source(&of, version, source).await.unwrap();
    assert_eq!(backup(&world, &to).await.copied.of(ObjectKind::Source).count, 1);
}

#[tokio::test]
async fn damage_in_the_backup_is_found() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    let of = of("acme/one");
    to.put(&of.component(version(1)), "other".into()).await.unwrap();
    to.delete(&of.source(version(1))).await.unwrap();
    to.delete(&of.event(6)).await.unwrap();
    let problems = verify(&world, &to).await.problems.join("\n");
    for part in ["`acme/one/1.wasm` is damaged", "`acme/one/source/1.tar.zst` is missing", "events up to"] {
        assert!(problems.contains(part), "{problems}");
    }
}

#[tokio::test]
async fn what_the_registry_lost_is_said() {
    let (world, to) = (backed_up_world().await, in_memory());
    let one = of("acme/one");
    world.registry().put(&one.component(version(1)), "other".into()).await.unwrap();
    world.registry().delete(&of("acme/two").event(2)).await.unwrap();
    let report = backup(&world, &to).await;
    let problems = report.problems.join("\n");
    assert!(
        problems.contains("`acme/one/1.wasm` is lost or damaged") && problems.contains("events/00000000000000000002.json` is missing"),
        "{problems}"
    );
    assert!(to.head(&of("beta/one").component(version(1))).await.unwrap().is_some(), "the rest is copied all the same");
    assert!(!verify(&world, &to).await.complete(), "and it is said again by whoever looks at the backup");
}

#[tokio::test]
async fn another_history_is_not_mixed_in() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    let before = truth(&to).await;
    let other = World::in_memory();
    other.serve(&of("acme/one"), "quite another", Environment::Dev).await;
    let report = backup(&other, &to).await;
    assert!(report.problems.iter().any(|problem| problem.contains("another history")), "{:?}", report.problems);
    assert_eq!(truth(&to).await, before);
}

#[tokio::test]
async fn a_backup_into_the_registrys_own_stores_is_refused() {
    let world = backed_up_world().await;
    for store in [world.registry(), world.prod()] {
        let refused = world.upkeep.backup(store, &unwatched).await.unwrap_err();
        assert!(matches!(refused, UpkeepError::SamePlace), "{refused}");
    }
    let refused = world.upkeep.verify_backup(&in_memory(), &unwatched).await.unwrap_err();
    assert!(matches!(refused, UpkeepError::NoBackup), "{refused}");
}

#[tokio::test]
async fn a_tenant_erased_later_goes_from_the_backup() {
    let (world, to) = (backed_up_world().await, in_memory());
    backup(&world, &to).await;
    world.erase("acme").await.unwrap();
    let report = backup(&world, &to).await;
    assert!(report.erased.total().count > 10, "{report:?}");
    assert_eq!(truth(&to).await, world.truth().await);
    assert!(verify(&world, &to).await.complete());
}

#[tokio::test]
async fn versions_deleted_while_it_copies_are_no_gap() {
    let (world, to) = (backed_up_world().await, in_memory());
    let of = of("acme/one");
    world.serve(&of, "second", Environment::Dev).await;
    let draft = world.build(&of, "third").await.unwrap();
    backup(&world, &to).await;
    let delete = Action::DeleteVersion { version: draft };
    world.run_as(&of, &extensions_registry_core::Caller::registry("retention".parse().unwrap()), delete).await.unwrap();
    world.gc().await.unwrap();
    assert!(backup(&world, &to).await.complete());
    assert!(verify(&world, &to).await.complete());
}

#[tokio::test]
async fn a_version_deleted_at_any_request_of_a_backup_is_no_gap() {
    for number in 1.. {
        let (world, to) = (Arc::new(World::in_memory()), in_memory());
        let draft = world.build(&of("acme/one"), "to be deleted").await.unwrap();
        world.build(&of("acme/one"), "to be kept").await.unwrap();
        let faults = Faults::default();
        let (copier, rival) = (world.through(&faults), Arc::new(world.again()));
        faults.rule(move |call| {
            if call.number == number {
                let rival = Arc::clone(&rival);
                elsewhere(async move {
                    let delete = Action::DeleteVersion { version: draft };
                    rival.run_as(&of("acme/one"), &Caller::registry("retention".parse().unwrap()), delete).await.unwrap();
                    rival.gc().await.map(drop).unwrap();
                });
            }
            None
        });
        let report = backup(&copier, &to).await;
        assert!(report.complete(), "at {number}: {:?}", report.problems);
        assert!(verify(&world, &to).await.complete(), "at {number}");
        if faults.count() < number {
            assert!(number > 30, "{number}");
            return;
        }
    }
}

#[tokio::test]
async fn killed_at_any_request_the_next_one_copies_the_rest() {
    let requests = at_each_request(
        async || (backed_up_world().await, in_memory()),
        |(world, _)| world,
        async |(_, to), mortal| drop(backup(mortal, to).await),
        async |(world, to), number| {
            let report = backup(world, to).await;
            assert!(report.complete(), "killed at {number}: {:?}", report.problems);
            assert_eq!(truth(to).await, world.truth().await, "killed at {number}");
            assert!(verify(world, to).await.complete(), "killed at {number}");
        },
    )
    .await;
    assert!(requests > 40, "{requests}");
}
