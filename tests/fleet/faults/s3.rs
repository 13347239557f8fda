//! S3 gone, slow, and hanging.

use std::time::Duration;

use extensions_test_servers::FaultProxy;

use crate::{
    caller::Callers,
    cast::{Fleet, Host, RULE},
};

/// The ways of everybody to S3.
fn ways<'f>(fleet: &'f Fleet, hosts: &'f [Host]) -> impl Iterator<Item = &'f FaultProxy> {
    [&fleet.ways.store].into_iter().chain(hosts.iter().map(|host| &host.ways.store))
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_gone_for_everybody_and_comes_back() {
    let fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.pushed(RULE, 2).await;
    let callers = Callers::begin(&fleet, &hosts);

    ways(&fleet, &hosts).for_each(FaultProxy::cut);
    for host in &hosts {
        fleet.comes_to(host, "a store that is gone", |status| status["store_reachable"] == false).await;
    }
    let refused = fleet.ext(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    assert_eq!(refused.code, 1, "{}", refused.words());
    assert!(refused.stderr.contains("UNAVAILABLE"), "{}", refused.words());
    callers.go_on().await;

    ways(&fleet, &hosts).for_each(FaultProxy::heal);
    // What was pushed before is there.
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
    assert_eq!(fleet.served_in_dev(RULE).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_hangs_for_everybody_and_goes_on() {
    let fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.pushed(RULE, 2).await;
    let callers = Callers::begin(&fleet, &hosts);

    ways(&fleet, &hosts).for_each(FaultProxy::black_hole);
    let promote = ["promote", &format!("{RULE}@2"), "--to", "dev", "--key", "once"];
    let refused = fleet.ext_at_length(&promote).await;
    assert_eq!(refused.code, 1, "{}", refused.words());
    for host in &hosts {
        fleet.comes_to(host, "a store that is gone", |status| status["store_reachable"] == false).await;
    }
    callers.go_on().await;

    ways(&fleet, &hosts).for_each(FaultProxy::heal);
    // Whether it happened is not known; asked again, it happened once.
    fleet.done(&promote).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
    assert_eq!(fleet.served_in_dev(RULE).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_slow_for_everybody() {
    let fleet = Fleet::without_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.pushed(RULE, 2).await;
    let callers = Callers::begin(&fleet, &hosts);

    ways(&fleet, &hosts).for_each(|way| way.delay(Duration::from_millis(60)));
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    callers.answered_by(2).await;
    callers.go_on().await;
    callers.end_along(&[1, 2]).await;
}
