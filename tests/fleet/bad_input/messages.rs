//! What somebody says who reaches Redis and has no key of the fleet, or repeats what others said.

use std::fmt::Write as _;

use crate::{
    caller::Callers,
    cast::{Fleet, Host, RULE, SELDOM},
    people::TENANT,
    redis::{Listener, Stranger},
};

const CHANNEL: &str = "extensions:dev:changes";
/// More than a fleet says in a day.
const FLOOD: usize = 20_000;

fn change(seq: u64) -> String {
    format!("{{\"of\":\"entry\",\"tenant\":\"{TENANT}\",\"extension\":\"{RULE}\",\"seq\":{seq}}}")
}

/// How many messages a host heard and did not take, whatever the reason.
async fn dropped(fleet: &Fleet, host: &Host, at_least: usize) {
    fleet.measures(host, "extensions_redis_dropped_total", |dropped| dropped >= at_least as f64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_invalidations_are_dropped_and_counted() {
    let fleet = Fleet::with_redis_and_hosts_that(SELDOM).await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    let mac = "0".repeat(64);
    let messages = [
        Vec::new(),
        b"hello".to_vec(),
        vec![0xff; 512],
        vec![b'1'; 1 << 20],
        change(99).into_bytes(),
        format!("1 - {}", change(99)).into_bytes(),
        format!("1 {mac} {}", change(u64::MAX)).into_bytes(),
        format!("1 {mac} {{\"of\":\"control\",\"seq\":{}}}", u64::MAX).into_bytes(),
    ];
    let stranger = Stranger::at(fleet.redis()).await;
    for message in &messages {
        assert!(stranger.publishes(CHANNEL, message).await >= 2, "both hosts listen");
    }
    for host in &hosts {
        dropped(&fleet, host, messages.len()).await;
    }
    // Nobody took them for anything: what is true arrives as before.
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_invalidations_take_no_host_back() {
    let fleet = Fleet::with_redis_and_hosts_that(SELDOM).await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    let mut listener = Listener::at(fleet.redis(), CHANNEL).await;
    let mut heard = Vec::new();
    for version in 2..=4 {
        fleet.promoted(RULE, version).await;
        callers.answered_by(version).await;
        heard.push(listener.next().await);
    }
    let stranger = Stranger::at(fleet.redis()).await;
    for message in heard.iter().cycle().take(300) {
        stranger.publishes(CHANNEL, message).await;
    }
    callers.go_on().await;
    fleet.promoted(RULE, 5).await;
    callers.answered_by(5).await;
    callers.end_along(&[1, 2, 3, 4, 5]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_invalidations_slows_nobody_down() {
    let fleet = Fleet::with_redis_and_hosts_that(SELDOM).await;
    let hosts = fleet.two_hosts().await;
    let callers = Callers::begin(&fleet, &hosts);
    let mut listener = Listener::at(fleet.redis(), CHANNEL).await;
    fleet.promoted(RULE, 2).await;
    let genuine = listener.next().await;
    drop(listener);
    let stranger = Stranger::at(fleet.redis()).await;
    let flood: Vec<_> = (0..FLOOD).map(|number| if number % 2 == 0 { genuine.clone() } else { change(number as u64).into_bytes() }).collect();
    stranger.publishes_all(CHANNEL, &flood).await;
    fleet.promoted(RULE, 3).await;
    callers.answered_by(3).await;
    callers.go_on().await;
    callers.end_along(&[1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_heartbeats_are_no_hosts() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    fleet.sees_hosts(2).await;
    let stranger = Stranger::at(fleet.redis()).await;
    let key = |name: &str| format!("extensions:dev:host:{name}");
    let genuine = stranger.heartbeat_of("extensions:dev:host:*").await;
    let nonsense: [(&str, Vec<u8>); 6] = [
        ("evil-00000001", b"{}".to_vec()),
        ("evil-00000002", vec![b'x'; 4 << 20]),
        // Another's, under a name of its own: it would count twice.
        ("evil-00000003", genuine),
        ("evil-00000004", format!("1 - {{\"host\":\"evil-00000004\",\"env\":\"dev\",\"ready\":true,\"pad\":{:?}}}", "p".repeat(100)).into_bytes()),
        ("../../etc", b"1 - {}".to_vec()),
        ("", b"1 - {}".to_vec()),
    ];
    for (name, value) in &nonsense {
        stranger.sets(&key(name), value).await;
    }
    let seen = fleet.sees_hosts(2).await;
    assert!(!seen.to_string().contains("evil"), "{seen:#}");
    // As many as a fleet may have, and more: the answer is bounded in size and time.
    let mut many = String::new();
    for number in 0..3_000 {
        many.clear();
        write!(many, "evil-{number:08x}").unwrap();
        stranger.sets(&key(&many), b"1 - {}").await;
    }
    let listed = extensions_test_support::event(fleet.hosts_seen()).await;
    assert_eq!(listed.code, 0, "{}", listed.words());
    assert!(!listed.stdout.contains("evil"), "{}", listed.words());
    let callers = Callers::begin(&fleet, &hosts);
    fleet.promoted(RULE, 2).await;
    callers.answered_by(2).await;
    callers.end_along(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_another_key_says_nothing_that_is_believed() {
    let fleet = Fleet::with_redis().await;
    let hosts = fleet.two_hosts().await;
    let foreign = fleet.foreign_host("foreign").await;
    foreign.becomes_ready().await;
    fleet.measures(&foreign, "extensions_redis_heartbeats_total", |said| said >= 1.0).await;
    let seen = fleet.sees_hosts(hosts.len()).await;
    assert_eq!(seen["refused"], 1, "{seen:#}");
    // It serves all the same: what it reads is the store's.
    fleet.answers(&foreign, RULE, 1).await;
}
