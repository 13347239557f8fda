//! Who gets how much.

use extensions_coordination::{Leases, RENEW_EVERY};
use extensions_test_servers::Redis;
use redis::AsyncCommands as _;

use super::{Host, WHOLE, claim, nearly, of, of_extension, scope, together};
use crate::kit::{DEV, connected, settings, stranger, until};

#[tokio::test]
async fn a_fleets_only_host_has_everything() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut host = Host::of(&coordination, "a");
    for _ in 0..3 {
        assert_eq!((host.renew(7).await, host.unclaimed), (WHOLE, WHOLE));
    }
}

#[tokio::test]
async fn hosts_share_by_demand_and_one_that_is_not_asked_keeps_its_part_of_the_reserve() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "a"), Host::of(&coordination, "b"), Host::of(&coordination, "quiet")];
    for _ in 0..4 {
        hosts[0].renew(300).await;
        hosts[1].renew(100).await;
        let renewed = hosts[2].leases.renew(Vec::new()).await.unwrap();
        hosts[2].take(&renewed);
        assert!(together(&hosts) <= WHOLE);
    }
    let even = 0.25 / 3.0;
    let shares = hosts.each_ref().map(|host| host.holds);
    assert!(nearly(shares[0], even + 0.75 * 0.75) && nearly(shares[1], even + 0.75 * 0.25) && nearly(shares[2], even), "{shares:?}");
    assert!(hosts.iter().all(|host| nearly(host.unclaimed, even)), "of any other scope too");
}

#[tokio::test]
async fn a_newcomer_waits_until_the_others_have_given_way() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "old"), Host::of(&coordination, "new")];
    assert_eq!(hosts[0].renew(100).await, WHOLE);
    assert_eq!(hosts[1].renew(100).await, 0, "nothing is free");
    assert!(nearly(hosts[0].renew(100).await, 0.5), "it learns of the other, and gives way");
    assert_eq!(hosts[1].renew(100).await, 0, "that the other has learned it, nobody knows yet");
    hosts[0].renew(100).await;
    hosts[1].renew(100).await;
    hosts[0].renew(100).await;
    assert!(nearly(hosts[1].renew(100).await, 0.5), "{}", hosts[1].holds);
    assert!(together(&hosts) <= WHOLE);
}

#[tokio::test]
async fn demand_that_falls_is_followed_by_halves_and_one_that_rises_at_once() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "a"), Host::of(&coordination, "b")];
    for _ in 0..4 {
        hosts[0].renew(400).await;
        hosts[1].renew(400).await;
    }
    for expected in [200.0, 100.0] {
        assert!(nearly(hosts[0].renew(0).await, 0.125 + 0.75 * expected / (expected + 400.0)), "{}", hosts[0].holds);
    }
    assert!(nearly(hosts[0].renew(400).await, 0.125 + 0.75 * 0.5), "what it gave up is still free: {}", hosts[0].holds);
}

#[tokio::test]
async fn a_tenant_and_its_extensions_are_shared_apart() {
    let redis = Redis::shared().unwrap();
    let settings = settings(&redis);
    let coordination = connected(&settings).await;
    let (mut one, mut other) = (Host::of(&coordination, "a").leases, Host::of(&coordination, "b").leases);
    let rule = || extensions_coordination::Claim { scope: of_extension("acme", "rule"), demand: 1 };
    for _ in 0..4 {
        one.renew(vec![claim("acme", 1)]).await.unwrap();
        other.renew(vec![rule()]).await.unwrap();
    }
    let (tenant, extension) = (one.renew(vec![claim("acme", 1)]).await.unwrap(), other.renew(vec![rule()]).await.unwrap());
    assert!(of(&tenant, &scope("acme")).is_some_and(|share| nearly(share, 0.875)));
    assert!(of(&extension, &rule().scope).is_some_and(|share| nearly(share, 0.875)));

    let mut stranger = stranger(&redis).await;
    let mut keys: Vec<String> = stranger.keys(format!("{}:*", settings.namespace)).await.unwrap();
    keys.sort();
    let named = ["lease:acme", "lease:acme:rule", "leases"].map(|name| format!("{}:dev:{name}", settings.namespace));
    assert_eq!(keys, named);
    for key in keys {
        let left_ms: i64 = stranger.pttl(&key).await.unwrap();
        assert!((1..=3_000).contains(&left_ms), "{key} does not expire by itself: {left_ms}");
    }
}

#[tokio::test]
async fn a_dead_hosts_part_goes_to_the_others() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "dies"), Host::of(&coordination, "lives")];
    for _ in 0..4 {
        hosts[0].renew(900).await;
        hosts[1].renew(100).await;
    }
    assert!(nearly(hosts[0].holds, 0.125 + 0.75 * 0.9));
    let died = tokio::time::Instant::now();
    let [_, lives] = hosts;
    let lives = tokio::sync::Mutex::new(lives);
    until("it has everything", || async { lives.lock().await.renew(100).await == WHOLE }).await;
    assert!(died.elapsed() > RENEW_EVERY * 2, "a renewal may be late: {:?}", died.elapsed());
}

#[tokio::test]
async fn what_is_given_back_is_free_at_once() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "leaves"), Host::of(&coordination, "stays")];
    for _ in 0..4 {
        hosts[0].renew(500).await;
        hosts[1].renew(500).await;
    }
    hosts[0].leases.give_back().await.unwrap();
    assert_eq!(hosts[1].renew(500).await, WHOLE);
    let mut never_renewed = Leases::of(&coordination, DEV, extensions_coordination::HostId::parse("none").unwrap());
    never_renewed.give_back().await.unwrap();
}

#[tokio::test]
async fn a_scope_that_is_claimed_no_more_lapses_to_the_reserve() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "a"), Host::of(&coordination, "b")];
    for _ in 0..4 {
        hosts[0].renew(1).await;
        hosts[1].renew(1).await;
    }
    let hosts = tokio::sync::Mutex::new(hosts);
    // It says itself when its lease ran out, before Redis gives it to another.
    until("it lapses", || async {
        let [quiet, busy] = &mut *hosts.lock().await;
        let renewed = quiet.leases.renew(Vec::new()).await.unwrap();
        busy.renew(1).await;
        let lapsed = of(&renewed, &scope("acme"));
        assert!(lapsed.is_none_or(|share| nearly(share, 0.125) && !nearly(busy.holds, 0.875)), "{lapsed:?} {}", busy.holds);
        lapsed.is_some()
    })
    .await;
}
