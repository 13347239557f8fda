//! Erasure: nothing is left, nothing comes back, nobody else is touched.

use extensions_artifact::{Key, Prefix, testing::in_memory};
use extensions_registry_ledger::LedgerError;
use extensions_registry_upkeep::{Erasure, ObjectKind, unwatched};
use extensions_types::Environment;

use crate::{
    kills::at_each_request,
    world::{World, actor, of, paths, tenant},
};

/// Two tenants whose names begin alike, both served in prod.
async fn two_tenants() -> World {
    let world = World::in_memory();
    for path in ["acme/one", "acme/two", "acme-two/one"] {
        world.serve(&of(path), "first", Environment::Prod).await;
    }
    world
}

async fn assert_gone(world: &World, name: &str) {
    for store in [world.registry(), world.prod()] {
        for path in paths(store, &Prefix::All).await {
            let key = Key::parse(&path).unwrap();
            assert!(key.tenant() != Some(&tenant(name)) || matches!(key, Key::Erased { .. }), "{path} is left");
        }
    }
}

#[tokio::test]
async fn an_erased_tenant_is_gone_for_good_and_others_are_not() {
    let world = two_tenants().await;
    let others = world.truth().await.into_iter().filter(|(path, _)| path.starts_with("acme-two/")).collect::<Vec<_>>();
    let report = world.erase("acme").await.unwrap();
    assert!(report.complete() && !report.resumed, "{report:?}");
    assert_eq!(report.before, report.removed);
    assert_eq!(report.removed.of(ObjectKind::Entry).count, 6);
    assert_eq!(report.removed.of(ObjectKind::Component).count, 4, "two originals, two copies");
    assert_gone(&world, "acme").await;
    let left = world.truth().await.into_iter().filter(|(path, _)| path.starts_with("acme-two/")).collect::<Vec<_>>();
    assert_eq!(left, others);
    world.assert_served(&of("acme-two/one"), Environment::Prod).await;

    let again = world.build(&of("acme/one"), "again").await.unwrap_err();
    assert!(matches!(again, LedgerError::Erased(_)), "{again}");
    let report = world.erase("acme").await.unwrap();
    assert!(report.complete() && report.resumed);
    assert_eq!(report.removed.total().count, 0);
}

/// Compiles that were asked for go with their tenant; nobody compiles for it any more.
#[tokio::test]
async fn compiles_of_an_erased_tenant_are_gone() {
    let world = two_tenants().await;
    for path in ["acme/one", "acme-two/one"] {
        world.ledger.ask_compile(&of(path), crate::world::version(9), "idp").await.unwrap();
    }
    let report = world.erase("acme").await.unwrap();
    assert_eq!(report.removed.of(ObjectKind::Compile).count, 1);
    assert_gone(&world, "acme").await;
    assert_eq!(world.ledger.compiles().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_counts_and_leaves_everything() {
    let world = two_tenants().await;
    let before = world.truth().await;
    let erasure = Erasure { tenant: tenant("acme"), by: actor(), why: "to see".into(), dry_run: true };
    let dry = world.upkeep.erase(&erasure, &[], &unwatched).await.unwrap();
    assert_eq!(world.truth().await, before);
    world.assert_served(&of("acme/one"), Environment::Prod).await;
    assert_eq!(dry.after, world.erase("acme").await.unwrap().removed);
}

#[tokio::test]
async fn a_command_under_way_is_waited_for() {
    let world = two_tenants().await;
    let pending = of("acme/one").pending(Environment::Prod, 7);
    world.registry().put(&pending, "{}".into()).await.unwrap();
    let patient = extensions_registry_upkeep::UpkeepSettings { settle_seconds: 1, ..crate::world::strict() };
    let upkeep = extensions_registry_upkeep::Upkeep::new(world.ledger.clone(), patient);
    let erasure = Erasure { tenant: tenant("acme"), by: actor(), why: "they left".into(), dry_run: false };
    let (report, ()) = tokio::join!(upkeep.erase(&erasure, &[], &unwatched), async {
        // The command ends: its late entry is written, its marker goes.
        while world.registry().head(&Key::Erased { tenant: tenant("acme") }).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        let late = world.prod().get(&of("acme-two/one").entry(Environment::Prod)).await.unwrap().unwrap();
        world.prod().put(&of("acme/one").entry(Environment::Prod), late.bytes).await.unwrap();
        world.registry().delete(&pending).await.unwrap();
    });
    assert!(report.unwrap().complete());
    assert_gone(&world, "acme").await;
}

#[tokio::test]
async fn a_backup_loses_the_tenant_too() {
    let world = two_tenants().await;
    let backup = in_memory();
    world.upkeep.backup(&backup, &unwatched).await.unwrap();
    let erasure = Erasure { tenant: tenant("acme"), by: actor(), why: "they left".into(), dry_run: false };
    let report = world.upkeep.erase(&erasure, std::slice::from_ref(&backup), &unwatched).await.unwrap();
    assert!(report.complete());
    let left = paths(&backup, &Prefix::All).await;
    assert!(
        left.iter()
            .all(|path| !path.contains("/acme/") && !path.starts_with("acme/") && !path.ends_with("/acme.json") || path.starts_with("_erased/")),
        "{left:?}"
    );
    let verified = world.upkeep.verify_backup(&backup, &unwatched).await.unwrap();
    assert!(verified.complete(), "{:?}", verified.problems);
}

#[tokio::test]
async fn killed_at_any_request_it_is_finished_by_the_next_one() {
    let requests = at_each_request(
        async || two_tenants().await,
        |world| world,
        async |_, mortal| drop(mortal.erase("acme").await.unwrap()),
        async |world, number| {
            let marked = world.registry().head(&Key::Erased { tenant: tenant("acme") }).await.unwrap().is_some();
            if marked {
                let refused = world.again().build(&of("acme/one"), "late").await.unwrap_err();
                assert!(matches!(refused, LedgerError::Erased(_)), "at {number}: {refused}");
            }
            let report = world.erase("acme").await.unwrap();
            assert!(report.complete(), "at {number}: {report:?}");
            assert_gone(world, "acme").await;
            world.assert_served(&of("acme-two/one"), Environment::Prod).await;
        },
    )
    .await;
    assert!(requests > 50, "{requests}");
}

#[tokio::test]
async fn commands_that_race_with_it_leave_nothing() {
    let world = two_tenants().await;
    let rivals = (0..4).map(|number| {
        let rival = world.again();
        async move {
            for round in 0..6 {
                let of = of(if number % 2 == 0 { "acme/one" } else { "acme/two" });
                if let Ok(version) = rival.build(&of, &format!("{number}-{round}")).await {
                    drop(rival.promote(&of, version, Environment::Prod).await);
                }
            }
        }
    });
    let patient = extensions_registry_upkeep::UpkeepSettings { settle_seconds: 60, ..crate::world::strict() };
    let upkeep = extensions_registry_upkeep::Upkeep::new(world.ledger.clone(), patient);
    let erasure = Erasure { tenant: tenant("acme"), by: actor(), why: "they left".into(), dry_run: false };
    let all = async {
        futures_util::future::join_all(rivals).await;
        // A registry's reconciler takes away what refused commands have left.
        world.ledger.reconcile_pending().await.unwrap();
    };
    let ((), first) = tokio::join!(all, upkeep.erase(&erasure, &[], &unwatched));
    assert!(first.unwrap().settled);
    // What was accepted before the marker may have left an event behind the sweep; nothing is served.
    for &env in Environment::ALL {
        assert_eq!(world.entry(&of("acme/one"), env).await, None);
        assert_eq!(world.entry(&of("acme/two"), env).await, None);
    }
    assert!(world.erase("acme").await.unwrap().complete());
    assert_gone(&world, "acme").await;
}
