//! A signer over stores in memory, with a real compile child.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod scene;

use extensions_aot::{
    keys::SigningKey,
    signed::{CodeFor, Unusable, open},
};
use extensions_artifact::testing::{Call, Fault, Faults, in_memory};
use extensions_types::Environment;

use crate::scene::{Scene, component};

#[tokio::test]
async fn everything_served_has_code_in_every_store_and_a_second_run_finds_nothing_to_do() {
    let scene = Scene::new(in_memory(), in_memory());
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    scene.serve(Environment::Prod, "acme", 2, component(2)).await;
    scene.serve(Environment::Prod, "globex", 1, component(2)).await;
    let report = scene.once().await;
    assert_eq!((report.compiled, report.stored, report.failed), (2, 4, 0), "two components, each in both stores");
    for store in [&scene.dev, &scene.prod] {
        for number in [1, 2] {
            scene.opened(store, &component(number)).await.unwrap();
        }
    }
    let account = scene.account(&scene.prod).await;
    assert_eq!(account, report.engines[0]);
    assert_eq!((account.environments[&Environment::Prod].served, account.environments[&Environment::Prod].ready), (1, 1));
    assert!(account.environments.values().all(extensions_types::Coverage::is_complete) && account.refused.is_empty());
    let again = scene.once().await;
    assert_eq!((again.compiled, again.stored, again.replaced, again.failed), (0, 0, 0, 0));
}

#[tokio::test]
async fn code_that_one_store_has_is_copied_to_the_other() {
    let scene = Scene::new(in_memory(), in_memory());
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    scene.once().await;
    scene.prod.delete(&scene.key_of(&component(1))).await.unwrap();
    let again = scene.once().await;
    assert_eq!((again.compiled, again.stored), (0, 1));
    scene.opened(&scene.prod, &component(1)).await.unwrap();
}

#[tokio::test]
async fn what_does_not_carry_the_key_is_made_anew() {
    let scene = Scene::new(in_memory(), in_memory());
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    scene.serve(Environment::Dev, "acme", 2, component(2)).await;
    scene.once().await;
    let key = scene.key_of(&component(1));
    let mut object = scene.dev.get(&key).await.unwrap().unwrap().bytes.to_vec();
    object[7] ^= 1;
    scene.dev.put(&key, object.into()).await.unwrap();
    scene.prod.put(&scene.key_of(&component(2)), b"planted".as_slice().into()).await.unwrap();
    assert_eq!(scene.opened(&scene.dev, &component(1)).await.unwrap_err(), Unusable::Damaged);
    let again = scene.once().await;
    assert_eq!((again.replaced, again.failed), (2, 0));
    scene.opened(&scene.dev, &component(1)).await.unwrap();
    scene.opened(&scene.prod, &component(2)).await.unwrap();
}

#[tokio::test]
async fn a_new_key_signs_everything_and_nothing_by_the_old_one_is_left() {
    let mut scene = Scene::new(in_memory(), in_memory());
    scene.serve(Environment::Prod, "acme", 1, component(1)).await;
    scene.once().await;
    let old = std::mem::replace(&mut scene.key, SigningKey::generate().unwrap().into());
    assert_eq!(scene.opened(&scene.prod, &component(1)).await.unwrap_err(), Unusable::ForeignKey(old.id()));
    let report = scene.once().await;
    assert_eq!((report.replaced, report.failed), (2, 0), "in both stores");
    scene.opened(&scene.prod, &component(1)).await.unwrap();
    assert_eq!(report.engines[0].key, scene.key.id().to_string());
}

#[tokio::test]
async fn every_profile_has_code_of_its_own() {
    let mut scene = Scene::new(in_memory(), in_memory());
    scene.profiles = vec!["guards".to_owned(), "hardened".to_owned()];
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    let report = scene.once().await;
    assert_eq!((report.compiled, report.engines.len()), (2, 2));
    assert_ne!(report.engines[0].engine, report.engines[1].engine);
}

#[tokio::test]
async fn a_component_that_cannot_be_compiled_is_named_and_stops_nothing() {
    let scene = Scene::new(in_memory(), in_memory());
    scene.serve(Environment::Prod, "acme", 7, b"no component".to_vec()).await;
    scene.serve(Environment::Prod, "globex", 1, component(1)).await;
    let report = scene.once().await;
    assert!(report.complete(), "the same bytes never will");
    let account = &report.engines[0];
    assert_eq!((account.refused.len(), account.refused[0].tenant.as_str()), (1, "acme"));
    let prod = account.environments[&Environment::Prod];
    assert_eq!((prod.served, prod.ready, prod.refused), (2, 1, 1));
    scene.opened(&scene.prod, &component(1)).await.unwrap();
}

#[tokio::test]
async fn a_component_whose_bytes_are_others_is_never_compiled() {
    let scene = Scene::new(in_memory(), in_memory());
    let blob = scene.serve(Environment::Prod, "acme", 1, component(1)).await;
    scene.prod.put(&blob, component(2).into()).await.unwrap();
    let report = scene.once().await;
    assert_eq!((report.compiled, report.failed, report.complete()), (0, 1, false));
    assert!(scene.prod.get(&scene.key_of(&component(1))).await.unwrap().is_none());
}

#[tokio::test]
async fn one_store_that_is_gone_does_not_keep_the_others_waiting() {
    let faults = Faults::default();
    let prod = in_memory();
    let scene = Scene::new(in_memory(), prod.through(|backend| faults.over(backend)));
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    faults.rule(|_: &Call| Some(Fault::Refused));
    let signer = tokio::spawn(scene.signer().run());
    scene.until(|| async { scene.opened(&scene.dev, &component(1)).await.is_ok() }).await;
    faults.clear();
    scene.until(|| async { scene.opened(&prod, &component(1)).await.is_ok() }).await;
    signer.abort();
}

#[tokio::test]
async fn a_nudge_is_followed_before_the_next_poll() {
    let scene = Scene::new(in_memory(), in_memory());
    let signer = scene.signer_with(|settings| settings.poll_ms = 600_000);
    let nudge = signer.nudge();
    let running = tokio::spawn(signer.run());
    scene.until(|| async { scene.dev.get(&scene.account_key()).await.unwrap().is_some() }).await;
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    nudge.now();
    scene.until(|| async { scene.opened(&scene.dev, &component(1)).await.is_ok() }).await;
    running.abort();
}

#[tokio::test]
async fn what_is_signed_is_for_exactly_one_engine_and_component() {
    let scene = Scene::new(in_memory(), in_memory());
    scene.serve(Environment::Dev, "acme", 1, component(1)).await;
    scene.once().await;
    let object = scene.dev.get(&scene.key_of(&component(1))).await.unwrap().unwrap();
    let wrong = CodeFor { engine: scene.engine, component: extensions_aot::digest(&component(2)) };
    assert_eq!(open(&object.bytes, wrong, &scene.key.public().into()), Err(Unusable::OtherComponent));
}
