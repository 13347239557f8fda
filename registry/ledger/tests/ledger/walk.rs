//! The plain walk, answers told twice, and what is refused.

use extensions_artifact::{Key, digest};
use extensions_registry_core::Action;
use extensions_registry_ledger::LedgerError;
use extensions_types::{Environment, ErrorCode, RiskTier};

use crate::{
    check,
    kit::{Driver, World, bundle, command, component, described, draft, label, off, operator, owned, person, registry, tenant, version},
};

#[tokio::test]
async fn a_version_goes_to_prod_and_back() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Prod).await;
    let two = driver.build(RiskTier::Low).await;
    driver.release(two, Environment::Prod).await;
    let entry = driver.ledger.entry(&of, Environment::Prod).await.unwrap().unwrap();
    assert_eq!((entry.current, entry.last_good), (two, Some(one)));
    let blob = world.prod.get(&of.component(two)).await.unwrap().expect("prod has its own copy");
    assert_eq!(digest(&blob.bytes), digest(&component(two)));

    let outcome = driver.must(&person("rita"), Action::RollBack { env: Environment::Prod, to: one }).await;
    let entry = driver.ledger.entry(&of, Environment::Prod).await.unwrap().unwrap();
    assert_eq!(entry.current, one);
    assert_eq!(outcome.entries, [(Environment::Prod, entry.order())]);
    assert_eq!(outcome.extension, driver.ledger.fold(&of).await.unwrap());
    let (_, state) = check::history(&world, &of).await;
    check::entries(&world, &of, &state).await;
    check::markers(&world, &state).await;
}

#[tokio::test]
async fn the_same_command_gets_the_same_answer_and_other_content_is_a_conflict() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    let promote = command("key", Action::Promote { version: one, env: Environment::Dev });
    let first = driver.ledger.run(&of, &promote, &person("rita")).await.unwrap();
    let again = world.ledger().run(&of, &promote, &person("rita")).await.unwrap();
    assert!(first.changed && again.changed);
    assert_eq!((first.seq, first.version, first.entries), (again.seq, again.version, again.entries));
    let other = command("key", Action::SetEnabled { env: Environment::Dev, enabled: false });
    let refused = driver.ledger.run(&of, &other, &person("rita")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    // Somebody else's key is another key.
    assert!(driver.ledger.run(&of, &other, &person("rolf")).await.unwrap().changed);
    let twice = driver.must(&person("rita"), Action::Promote { version: one, env: Environment::Dev }).await;
    assert!(!twice.changed, "promoting what is promoted succeeds");
    let stale = extensions_registry_core::Command { expected_seq: Some(1), ..command("late", Action::Retire { version: one }) };
    assert_eq!(driver.ledger.run(&of, &stale, &person("rita")).await.unwrap_err().code(), ErrorCode::Conflict);
}

#[tokio::test]
async fn a_refused_command_changes_nothing() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let built = driver.build(RiskTier::Medium).await;
    let waiting = driver.create(RiskTier::Low).await;
    let before = world.contents().await;
    let refused = [
        (person("rita"), Action::Promote { version: built, env: Environment::Prod }, ErrorCode::Precondition),
        (person("rita"), Action::Promote { version: waiting, env: Environment::Dev }, ErrorCode::Precondition),
        (person("rita"), Action::Promote { version: version(9), env: Environment::Dev }, ErrorCode::NotFound),
        (person("rita"), Action::SetEnabled { env: Environment::Dev, enabled: false }, ErrorCode::NotPromoted),
        (operator(), Action::Promote { version: built, env: Environment::Dev }, ErrorCode::PermissionDenied),
        (person("rita"), Action::DeleteVersion { version: built }, ErrorCode::PermissionDenied),
    ];
    for (caller, action, code) in refused {
        let error = driver.tell(&caller, action.clone()).await.unwrap_err();
        assert!(matches!(error, LedgerError::Refused(_)), "{action:?}: {error}");
        assert_eq!(error.code(), code, "{action:?}: {error}");
    }
    assert_eq!(world.contents().await, before);
}

#[tokio::test]
async fn an_erased_tenant_gets_nothing_new() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Dev).await;
    world.own.put(&Key::Erased { tenant: tenant("acme") }, "{\"schema\":1}".into()).await.unwrap();
    let before = check::history(&world, &of).await.0.len();
    let entry_before = driver.ledger.entry(&of, Environment::Dev).await.unwrap();
    let created = driver.tell(&person("ann"), draft(RiskTier::Low, "x")).await.unwrap_err();
    assert!(matches!(&created, LedgerError::Erased(gone) if *gone == tenant("acme")), "{created}");
    assert_eq!(created.code(), ErrorCode::Precondition);
    assert!(matches!(driver.ledger.put_source(&of, one, bundle("x")).await, Err(LedgerError::Erased(_))));
    let disabled = driver.tell(&person("rita"), Action::SetEnabled { env: Environment::Dev, enabled: false }).await;
    assert!(matches!(disabled, Err(LedgerError::Erased(_))));
    assert_eq!(driver.ledger.entry(&of, Environment::Dev).await.unwrap(), entry_before, "no entry is written");
    assert!(check::history(&world, &of).await.0.len() <= before + 1);
    // The reconciler takes away what is left, markers too.
    world.ledger().reconcile_pending().await.unwrap();
    assert_eq!(driver.ledger.entry(&of, Environment::Dev).await.unwrap(), None);
}

#[tokio::test]
async fn objects_are_what_the_history_says_or_are_not_taken() {
    let world = World::new();
    let of = owned("order-check");
    let mut driver = Driver::new(world.ledger(), of.clone());
    let drafted = driver.must(&person("ann"), draft(RiskTier::Low, "mine")).await.version.unwrap();
    let ledger = &driver.ledger;
    assert_eq!(ledger.put_source(&of, drafted, bundle("other")).await.unwrap_err().code(), ErrorCode::BadRequest);
    assert_eq!(ledger.source(&of, drafted).await.unwrap_err().code(), ErrorCode::NotFound);
    ledger.put_source(&of, drafted, bundle("mine")).await.unwrap();
    ledger.put_source(&of, drafted, bundle("mine")).await.unwrap();
    assert_eq!(ledger.source(&of, drafted).await.unwrap(), bundle("mine"));
    assert_eq!(ledger.put_source(&of, version(7), bundle("mine")).await.unwrap_err().code(), ErrorCode::NotFound);

    // What is half stored is not built, and cannot be reported as built.
    driver.must(&person("ann"), Action::RequestCompile { version: drafted }).await;
    let report = crate::kit::built(&of, drafted, RiskTier::Low, 1);
    world.own.put(&of.component(drafted), component(drafted)).await.unwrap();
    let half = driver.tell(&registry(), report.clone()).await.unwrap_err();
    assert_eq!(half.code(), ErrorCode::ArtifactCorrupt);
    assert_eq!(driver.ledger.component(&of, drafted).await.unwrap_err().code(), ErrorCode::Precondition);

    // A second attempt keeps the document of the first: only its times differ.
    let made = described(&of, drafted, RiskTier::Low);
    let first = driver.ledger.put_built(&of, drafted, component(drafted), &made).await.unwrap();
    let mut later = made.clone();
    later.evidence.at_ms += 1;
    assert_eq!(driver.ledger.put_built(&of, drafted, component(drafted), &later).await.unwrap(), first);
    let mut other = made;
    other.definition.digest = digest(b"other").to_string();
    let occupied = driver.ledger.put_built(&of, drafted, "other".into(), &other).await.unwrap_err();
    assert!(matches!(occupied, LedgerError::Occupied(_)), "{occupied}");
    driver.must(&registry(), report).await;
    assert_eq!(driver.ledger.component(&of, drafted).await.unwrap(), component(drafted));
    assert_eq!(driver.ledger.document(&of, drafted).await.unwrap(), described(&of, drafted, RiskTier::Low));
}

#[tokio::test]
async fn control_is_one_history_for_each_environment() {
    let world = World::new();
    let ledger = world.ledger();
    let first = ledger.change_control(Environment::Prod, &off("a"), &operator()).await.unwrap();
    assert_eq!((first.seq, first.changed), (1, true));
    let again = world.ledger().change_control(Environment::Prod, &off("a"), &operator()).await.unwrap();
    assert_eq!((again.seq, again.changed), (1, true));
    assert!(!ledger.change_control(Environment::Prod, &off("b"), &operator()).await.unwrap().changed);
    assert!(ledger.change_control(Environment::Prod, &off("c"), &person("ann")).await.is_err());
    assert!(ledger.control(Environment::Dev).await.unwrap().state.switches.is_empty());
    assert_eq!(ledger.control_history(Environment::Prod, 0, 10).await.unwrap()[0].command_id, label("a"));
    // Hosts read it in their own store.
    assert!(world.prod.get(&Key::ControlState { env: Environment::Prod }).await.unwrap().is_some());
    assert!(world.own.get(&Key::ControlState { env: Environment::Prod }).await.unwrap().is_none());
}
