//! Markers of compiles: there before the event that asks, gone after the one that ends, nobody's twice.

use extensions_registry_core::{Action, Finding};
use extensions_registry_ledger::{Awaited, CompileLease, FoundCompile, Ledger};
use extensions_types::{RiskTier, Version};

use crate::kit::{Driver, World, owned, person, registry};

/// A draft that a compile was asked for.
async fn asked(world: &World) -> (Driver, Version) {
    let mut driver = Driver::new(world.ledger(), owned("order-check"));
    let version = driver.create(RiskTier::Low).await;
    driver.must(&person("ann"), Action::RequestCompile { version }).await;
    (driver, version)
}

async fn marker(driver: &Driver, version: Version) -> Option<FoundCompile> {
    driver.ledger.compile_marker(&driver.of, version).await.unwrap()
}

fn lease(claim: u64) -> CompileLease {
    CompileLease { attempt: 1, by: "w".into(), claim, until_ms: 5 }
}

async fn take(ledger: &Ledger, driver: &Driver, version: Version, found: &FoundCompile, claim: u64) -> bool {
    let mut marker = found.marker.clone();
    marker.lease = Some(lease(claim));
    ledger.swap_compile(&driver.of, version, &marker, &found.etag).await.unwrap().is_some()
}

#[tokio::test]
async fn whatever_ends_a_compile_takes_its_marker_away() {
    let ends: [fn(Version) -> Action; 4] = [
        |version| Action::ReportFailed { version, attempt: 1, findings: vec![Finding::new("build", "x", "no", "")] },
        |version| Action::Retire { version },
        |version| Action::DeleteSource { version },
        |version| Action::DeleteVersion { version },
    ];
    for end in ends {
        let world = World::new();
        let (mut driver, version) = asked(&world).await;
        assert_eq!(marker(&driver, version).await.unwrap().marker.asked_by, "idp");
        assert_eq!(driver.ledger.compiles().await.unwrap().len(), 1);
        assert_eq!(driver.ledger.awaited(&driver.of, version).await.unwrap(), Awaited::Attempt(1));
        let action = end(version);
        let caller = if matches!(action, Action::Retire { .. }) { person("rita") } else { registry() };
        if driver.tell(&caller, action.clone()).await.is_err() {
            // The lifecycle does not allow it for a draft that is being compiled.
            assert!(matches!(action, Action::DeleteSource { .. } | Action::DeleteVersion { .. }), "{action:?}");
            continue;
        }
        assert!(marker(&driver, version).await.is_none(), "{action:?}");
        assert_eq!(driver.ledger.awaited(&driver.of, version).await.unwrap(), Awaited::Over, "{action:?}");
    }
}

#[tokio::test]
async fn one_of_two_registries_gets_a_compile() {
    let world = World::new();
    let (driver, version) = asked(&world).await;
    let found = marker(&driver, version).await.unwrap();
    assert!(take(&driver.ledger, &driver, version, &found, 1).await);
    assert!(!take(&world.ledger(), &driver, version, &found, 2).await);
    assert_eq!(marker(&driver, version).await.unwrap().marker.lease, Some(lease(1)));
}

#[tokio::test]
async fn who_asks_again_overrules_a_withdrawal_and_no_lease() {
    let world = World::new();
    let (mut driver, version) = asked(&world).await;
    let ask = Action::RequestCompile { version };
    let mut found = marker(&driver, version).await.unwrap();
    found.marker.withdrawn = true;
    driver.ledger.swap_compile(&driver.of, version, &found.marker, &found.etag).await.unwrap().unwrap();
    assert!(!driver.must(&person("bob"), ask.clone()).await.changed, "the history has asked before");
    let again = marker(&driver, version).await.unwrap();
    assert!(!again.marker.withdrawn);
    assert!(take(&driver.ledger, &driver, version, &again, 1).await);
    driver.must(&person("bob"), ask).await;
    assert_eq!(marker(&driver, version).await.unwrap().marker.lease, Some(lease(1)), "who has it keeps it");
}

#[tokio::test]
async fn a_lost_or_damaged_marker_is_put_back() {
    let world = World::new();
    let (driver, version) = asked(&world).await;
    driver.ledger.forget_compile(&driver.of, version).await.unwrap();
    assert!(marker(&driver, version).await.is_none());
    assert_eq!(world.ledger().reconcile_all().await.unwrap().failed, 0);
    assert_eq!(marker(&driver, version).await.unwrap().marker.asked_by, "idp");
    world.own.put(&driver.of.compile(version), bytes::Bytes::from_static(b"damage")).await.unwrap();
    assert!(marker(&driver, version).await.is_none());
    driver.ledger.ask_compile(&driver.of, version, "idp").await.unwrap();
    assert!(marker(&driver, version).await.is_some());
}
