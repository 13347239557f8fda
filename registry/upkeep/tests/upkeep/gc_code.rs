//! Garbage collection of shared machine code.

use extensions_artifact::{Key, Prefix, Store, digest};
use extensions_registry_upkeep::{Reason, Upkeep, UpkeepSettings, unwatched};
use extensions_types::{Environment, Sha256};

use crate::world::{World, of, paths, strict};

const ENGINE: Sha256 = Sha256::new([1; 32]);

fn code(component: &Sha256) -> Key {
    Key::Precompiled { compat: ENGINE, component: *component }
}

/// What prod serves, and where code of it and of something else lies.
async fn with_code() -> (World, Sha256, Sha256) {
    let world = World::in_memory();
    world.serve(&of("acme/one"), "first", Environment::Prod).await;
    let rows = paths(world.prod(), &Prefix::Tenant("acme".parse().unwrap())).await;
    let object = world.prod().get(&Key::parse(&rows[0]).unwrap()).await.unwrap().unwrap();
    let (served, gone) = (digest(&object.bytes), digest(b"nobody has this"));
    for store in [world.registry(), world.prod()] {
        put(store, &code(&served)).await;
        put(store, &code(&gone)).await;
        put(store, &Key::Signer { compat: ENGINE }).await;
    }
    (world, served, gone)
}

async fn put(store: &Store, key: &Key) {
    store.put(key, "code".into()).await.unwrap();
}

async fn is_there(store: &Store, key: &Key) -> bool {
    store.head(key).await.unwrap().is_some()
}

#[tokio::test]
async fn code_of_components_that_no_version_has_goes() {
    let (world, served, gone) = with_code().await;
    let plan = world.upkeep.gc_plan(&unwatched).await.unwrap();
    assert!(plan.items.iter().all(|item| item.reason == Reason::CodeUnreferenced && item.path == code(&gone).path()), "{:?}", plan.items);
    let report = world.upkeep.gc_apply(&plan, &unwatched).await.unwrap();
    assert_eq!((report.removed.total().count, report.skipped), (2, 0), "of both stores");
    for store in [world.registry(), world.prod()] {
        assert!(is_there(store, &code(&served)).await && !is_there(store, &code(&gone)).await);
        assert!(is_there(store, &Key::Signer { compat: ENGINE }).await);
    }
}

#[tokio::test]
async fn code_for_an_engine_that_nobody_cares_for_goes() {
    let (world, _, _) = with_code().await;
    let upkeep = Upkeep::new(world.ledger.clone(), UpkeepSettings { code_unused_days: 0, ..strict() });
    let plan = upkeep.gc_plan(&unwatched).await.unwrap();
    assert!(plan.items.iter().all(|item| item.reason == Reason::EngineUnused) && plan.items.len() == 6);
    assert_eq!(world.upkeep.gc_apply(&plan, &unwatched).await.unwrap().removed.total().count, 0, "a signer has spoken since");
    assert_eq!(upkeep.gc_apply(&plan, &unwatched).await.unwrap().removed.total().count, 6);
    world.assert_served(&of("acme/one"), Environment::Prod).await;
}

#[tokio::test]
async fn what_was_written_anew_and_what_cannot_be_explained_stays() {
    let (world, _, gone) = with_code().await;
    let plan = world.upkeep.gc_plan(&unwatched).await.unwrap();
    world.prod().put(&code(&gone), "newer".into()).await.unwrap();
    let report = world.upkeep.gc_apply(&plan, &unwatched).await.unwrap();
    assert_eq!((report.removed.total().count, report.skipped), (1, 1));

    // A history that cannot be read may have any component.
    world.registry().put(&of("acme/one").event(1), "broken".into()).await.unwrap();
    assert_eq!(world.upkeep.gc_plan(&unwatched).await.unwrap().items, []);
}

#[tokio::test]
async fn the_young_stay() {
    let (world, _, _) = with_code().await;
    let upkeep = Upkeep::new(world.ledger.clone(), UpkeepSettings { gc_min_age_hours: 1, ..strict() });
    assert_eq!(upkeep.gc_plan(&unwatched).await.unwrap().items, []);
}
