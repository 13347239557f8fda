//! A host killed with SIGKILL, cut off for long, and started where nothing can be reached.

use extensions_test_servers::FaultProxy;

use crate::{
    caller::Callers,
    cast::{Fleet, RULE, STEADY},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_killed_and_started_again() {
    let fleet = Fleet::without_redis().await;
    let [mut one, other] = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, [&other]);
    one.kill().await;
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    one.restart().await;
    // Its own last copy says 1: it may answer that until it has looked.
    fleet.answers(&one, RULE, 2).await;
    let followed = Callers::begin(&fleet, [&one]);
    followed.go_on().await;
    followed.end_along(&[2]).await;
    callers.end_along(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_killed_and_started_again_without_anything_but_its_last_copy() {
    let fleet = Fleet::with_redis().await;
    let [mut one, other] = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, [&other]);
    one.has_copied(&[RULE, STEADY]).await;
    one.kill().await;
    one.ways.each().for_each(FaultProxy::cut);
    one.restart().await;
    one.becomes_ready().await;
    let alone = Callers::begin(&fleet, [&one]);
    alone.go_on().await;
    assert_eq!(fleet.status(&one).await["origin"], "last_copy");
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    one.ways.each().for_each(FaultProxy::heal);
    alone.answered_by(2).await;
    alone.end_along(&[1, 2]).await;
    callers.end_along(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_partitioned_for_long_and_never_goes_back() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    let [cut_off, other] = &hosts;
    cut_off.ways.each().for_each(FaultProxy::black_hole);
    for version in [2, 3] {
        fleet.promoted(RULE, version).await;
        callers.rule[1].answered_by(version).await;
    }
    fleet.done(&["rollback", RULE, "--to", "2", "--env", "dev", "--why", "too strict"]).await;
    callers.rule[1].answered_by(2).await;
    let status = fleet.comes_to(cut_off, "a store that is gone", |status| status["store_reachable"] == false).await;
    assert_eq!(status["ready"], true, "{status:#}");
    callers.go_on().await;
    assert_eq!(callers.rule[0].tally().versions, [1], "it answers as it did");
    cut_off.ways.each().for_each(FaultProxy::heal);
    callers.answered_by(2).await;
    fleet.comes_to(other, "a store that is there", |status| status["store_reachable"] == true).await;
    callers.end_along(&[1, 2, 3, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_starts_with_nothing_reachable_and_is_ready_once_something_is() {
    let fleet = Fleet::with_redis().await;
    for extension in [RULE, STEADY] {
        fleet.promoted(extension, 1).await;
    }
    let host = fleet.host_without_anything("alone").await;
    assert!(!host.is_ready().await, "it never had a catalog");
    let refused = fleet.invoke(&host, RULE, "{}", "task").await;
    assert_eq!(refused.code, 1, "{}", refused.words());
    assert!(refused.stderr.contains("UNAVAILABLE"), "{}", refused.words());
    host.ways.store.heal();
    host.becomes_ready().await;
    let callers = Callers::begin(&fleet, [&host]);
    callers.go_on().await;
    callers.end_along(&[1]).await;
}
