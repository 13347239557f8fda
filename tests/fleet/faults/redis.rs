//! Redis gone, slow, hanging, restarted empty and replaced.
//!
//! Hosts that poll seldom show that hints arrive; the others that none is needed.

use std::time::Duration;

use extensions_test_servers::{FaultProxy, Redis};

use crate::{
    caller::Callers,
    cast::{Fleet, Host, RULE, SELDOM},
    people::TENANT,
};

/// The ways of everybody to Redis.
fn ways<'f>(fleet: &'f Fleet, hosts: &'f [Host]) -> impl Iterator<Item = &'f FaultProxy> {
    [fleet.ways.redis()].into_iter().chain(hosts.iter().map(|host| host.ways.redis()))
}

/// Waits until each host counts as connected, or as not.
async fn connected(fleet: &Fleet, hosts: &[Host], wanted: bool) {
    for host in hosts {
        fleet.measures(host, "extensions_redis_connected", |connected| (connected > 0.0) == wanted).await;
    }
}

/// Nobody hears of a promotion, a rollback and a switch, and everybody follows.
async fn is_followed_without_redis(fleet: &Fleet, hosts: &[Host], callers: &Callers) {
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    fleet.done(&["rollback", RULE, "--to", "1", "--env", "dev", "--why", "too strict"]).await;
    callers.answered_by(1).await;
    fleet.operated(&["switch", "off", "--tenant", TENANT, "--extension", "another", "--env", "dev", "--why", "a drill"]).await;
    for host in hosts {
        fleet.comes_to(host, "a switch", |status| status["control"]["seq"] == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_gone_and_comes_back_empty() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    connected(&fleet, &hosts, true).await;
    fleet.redis().stop();
    connected(&fleet, &hosts, false).await;
    is_followed_without_redis(&fleet, &hosts, &callers).await;
    fleet.redis().restart_empty().unwrap();
    connected(&fleet, &hosts, true).await;
    fleet.promoted(RULE, 3).await;
    callers.answered_by(3).await;
    callers.end_along(&[1, 2, 1, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_hangs_and_nobody_waits_for_it() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    connected(&fleet, &hosts, true).await;
    fleet.redis().pause().unwrap();
    is_followed_without_redis(&fleet, &hosts, &callers).await;
    connected(&fleet, &hosts, false).await;
    fleet.redis().resume().unwrap();
    connected(&fleet, &hosts, true).await;
    callers.go_on().await;
    callers.end_along(&[1, 2, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_slow_and_nobody_waits_for_it() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    // Slower than one operation may take.
    ways(&fleet, &hosts).for_each(|way| way.delay(Duration::from_millis(700)));
    is_followed_without_redis(&fleet, &hosts, &callers).await;
    callers.go_on().await;
    callers.end_along(&[1, 2, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_restarted_empty_and_hints_arrive_again() {
    let fleet = Fleet::with_redis_and_hosts_that(SELDOM).await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    connected(&fleet, &hosts, true).await;
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    fleet.redis().restart_empty().unwrap();
    // A registry that lost it says so again; hosts that lost it look at everything once.
    fleet.promoted(RULE, 3).await;
    callers.answered_by(3).await;
    connected(&fleet, &hosts, true).await;
    fleet.promoted(RULE, 4).await;
    callers.answered_by(4).await;
    callers.end_along(&[1, 2, 3, 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_replaced_by_another_and_hints_arrive_from_there() {
    let fleet = Fleet::with_redis_and_hosts_that(SELDOM).await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    connected(&fleet, &hosts, true).await;
    let other = Redis::start().unwrap();
    ways(&fleet, &hosts).for_each(|way| way.lead_to(other.address()));
    fleet.redis().stop();
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    connected(&fleet, &hosts, true).await;
    fleet.promoted(RULE, 3).await;
    callers.answered_by(3).await;
    callers.end_along(&[1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_and_s3_are_gone_at_once() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.operated(&["switch", "off", "--tenant", TENANT, "--extension", "another", "--env", "dev", "--why", "a drill"]).await;
    for host in &hosts {
        fleet.comes_to(host, "a switch", |status| status["control"]["seq"] == 1).await;
    }
    fleet.pushed(RULE, 2).await;
    let callers = Callers::begin(&fleet, &hosts);
    let everybody = || fleet.ways.each().chain(hosts.iter().flat_map(|host| host.ways.each()));
    everybody().for_each(FaultProxy::cut);
    for host in &hosts {
        let status = fleet.comes_to(host, "a store that is gone", |status| status["store_reachable"] == false).await;
        assert_eq!((&status["ready"], &status["control"]["seq"]), (&true.into(), &1.into()), "{status:#}");
    }
    let refused = fleet.ext(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    assert_eq!(refused.code, 1, "{}", refused.words());
    callers.go_on().await;
    everybody().for_each(FaultProxy::heal);
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
}
