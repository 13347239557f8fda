//! A promoted artifact that no host can load.

use extensions_test_servers::FaultProxy;

use crate::{
    caller::Callers,
    cast::{Fleet, RULE},
    people::TENANT,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_cannot_load_leaves_the_last_good_one_serving() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    // Damaged after it was promoted and before a host sees it.
    hosts.iter().for_each(|host| host.ways.store.cut());
    fleet.promoted(RULE, 2).await;
    let key = format!("{TENANT}/{RULE}/2.wasm");
    let objects = fleet.objects();
    let whole = objects.read(&key).await;
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    objects.write(&key, damaged).await;
    hosts.iter().map(|host| &host.ways.store).for_each(FaultProxy::heal);

    for host in &hosts {
        let status = fleet.comes_to(host, "a problem", |status| status["problems_total"] == 1).await;
        let problem = &status["problems"][0];
        assert_eq!((&problem["extension"], &problem["kept"]), (&RULE.into(), &1.into()), "{status:#}");
        assert_eq!(status["ready"], true, "{status:#}");
    }
    callers.go_on().await;
    callers.answered_by(1).await;
    said_by_the_registry(&fleet).await;

    // Another version is taken as any other; the damaged one is not looked at again.
    fleet.pushed(RULE, 3).await;
    fleet.done(&["promote", &format!("{RULE}@3"), "--to", "dev", "--wait"]).await;
    callers.answered_by(3).await;
    for host in &hosts {
        fleet.comes_to(host, "an end of the problem", |status| status["problems_total"] == 0).await;
    }
    callers.end_along(&[1, 3]).await;
}

/// Who asks at the registry learns it as well: `ext show` names hosts and reason, and who waits is not told that all is well.
async fn said_by_the_registry(fleet: &Fleet) {
    let shown = fleet.shows(RULE, |shown| shown["hosts"]["dev"]["kept"].as_object().is_some_and(|kept| kept.len() == 2)).await;
    assert_eq!(shown["hosts"]["dev"]["serve"], 0, "{shown:#}");
    let waited = fleet.ext(&["promote", &format!("{RULE}@2"), "--to", "dev", "--wait", "--timeout", "10s"]).await;
    assert_eq!(waited.code, 1, "{}", waited.words());
    assert!(waited.words().contains("served before goes on"), "{}", waited.words());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_is_repaired_is_taken_up_by_itself() {
    let fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    hosts.iter().for_each(|host| host.ways.store.cut());
    fleet.promoted(RULE, 2).await;
    let (key, objects) = (format!("{TENANT}/{RULE}/2.wasm"), fleet.objects());
    let whole = objects.read(&key).await;
    objects.write(&key, b"no component").await;
    hosts.iter().map(|host| &host.ways.store).for_each(FaultProxy::heal);
    for host in &hosts {
        fleet.comes_to(host, "a problem", |status| status["problems_total"] == 1).await;
    }
    objects.write(&key, whole).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
}
