//! Retention: events delete what is past its time, and nothing that is wanted.

use extensions_artifact::Prefix;
use extensions_registry_core::Action;
use extensions_registry_upkeep::{RetentionReport, unwatched};
use extensions_types::Environment;

use crate::{
    kills::at_each_request,
    world::{World, of, paths, tenant, version},
};

/// Versions 1 to 3 served in dev, 3 current, 2 last good; 4 submitted; 5 and 6
/// drafts of which one may stay; 7 served and retired.
async fn old_versions() -> World {
    let world = World::in_memory();
    let of = of("acme/one");
    let retired = world.serve(&of, "zero", Environment::Dev).await;
    for text in ["first", "second", "third"] {
        world.serve(&of, text, Environment::Dev).await;
    }
    let submitted = world.build(&of, "submitted").await.unwrap();
    world.run(&of, Action::Submit { version: submitted, to: Environment::Staging }).await.unwrap();
    for text in ["fifth", "sixth"] {
        world.build(&of, text).await.unwrap();
    }
    world.run(&of, Action::Retire { version: retired }).await.unwrap();
    world
}

async fn retain(world: &World, dry_run: bool) -> RetentionReport {
    world.upkeep.retain(None, dry_run, &unwatched).await.unwrap()
}

#[tokio::test]
async fn only_what_nothing_wants_goes() {
    let world = old_versions().await;
    let dry = retain(&world, true).await;
    assert_eq!(world.ledger.fold(&of("acme/one")).await.unwrap().versions.len(), 7, "a dry run deletes nothing");
    let report = retain(&world, false).await;
    assert_eq!((dry.versions_deleted, dry.sources_deleted, dry.bytes_freed), (report.versions_deleted, report.sources_deleted, report.bytes_freed));
    assert_eq!((report.versions_before, report.versions_deleted, report.sources_deleted, report.refused), (7, 2, 4, 0), "{report:?}");
    let state = world.ledger.fold(&of("acme/one")).await.unwrap();
    let left: Vec<u64> = state.versions.keys().map(|version| version.get()).collect();
    assert_eq!(left, [2, 3, 4, 5, 7], "retired 1 and draft 6 are gone");
    assert_eq!(retain(&world, false).await, RetentionReport { extensions: 1, versions_before: 5, ..RetentionReport::default() });

    let collected = world.gc().await.unwrap();
    assert!(collected.complete());
    let sources = paths(world.registry(), &Prefix::Sources(of("acme/one"))).await;
    assert_eq!(sources, ["acme/one/source/7.tar.zst"]);
    assert!(world.registry().head(&of("acme/one").component(version(6))).await.unwrap().is_none());
    world.assert_served(&of("acme/one"), Environment::Dev).await;
    let rolled_back = world.run(&of("acme/one"), Action::RollBack { env: Environment::Dev, to: version(2) }).await;
    assert!(rolled_back.is_ok(), "a rollback still finds what it asks for");
    world.assert_served(&of("acme/one"), Environment::Dev).await;
}

#[tokio::test]
async fn another_tenants_versions_are_no_concern() {
    let world = old_versions().await;
    let report = world.upkeep.retain(Some(&tenant("other")), false, &unwatched).await.unwrap();
    assert_eq!(report, RetentionReport::default());
}

#[tokio::test]
async fn killed_at_any_request_the_next_one_ends_the_same() {
    let requests = at_each_request(
        async || old_versions().await,
        |world| world,
        async |_, mortal| drop(retain(mortal, false).await),
        async |world, number| {
            retain(world, false).await;
            let state = world.ledger.fold(&of("acme/one")).await.unwrap();
            assert_eq!(state.versions.keys().map(|version| version.get()).collect::<Vec<_>>(), [2, 3, 4, 5, 7], "killed at {number}");
            assert_eq!(state.versions.values().filter(|record| !record.source_deleted).count(), 1);
            world.assert_served(&of("acme/one"), Environment::Dev).await;
        },
    )
    .await;
    assert!(requests > 30, "{requests}");
}
