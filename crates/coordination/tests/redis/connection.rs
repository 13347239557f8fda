//! Redis gone, slow, hanging, restarted empty, replaced.

use std::time::Duration;

use extensions_coordination::{Heard, OperationError, RedisSettings};
use extensions_test_servers::{FaultProxy, Redis};
use tokio::time::Instant;

use crate::kit::{DEV, connected, counted, entry, heartbeat, listening, opened, settings, soon, until};

/// An operation answers within its time; this is what a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn without_redis_everything_answers_at_once_and_says_why() {
    let redis = Redis::start().unwrap();
    let settings = settings(&redis);
    redis.stop();
    let coordination = opened(&settings);
    let started = Instant::now();
    for _ in 0..100 {
        assert!(coordination.announce(DEV, &entry("a", 1)).await.is_err());
        assert!(coordination.beat(&heartbeat("h-1", 1)).await.is_err());
        assert!(coordination.hosts(DEV).await.is_err());
    }
    assert!(started.elapsed() < SLACK, "{:?}", started.elapsed());
    until("the reason", || async { coordination.status().last_error.is_some_and(|error| error.contains("refused")) }).await;
    assert!(!coordination.status().connected);
    assert_eq!(counted(&coordination, "redis_connected"), 0);
    assert_eq!(counted(&coordination, "redis_announced_total{outcome=\"Failed\"}"), 100);

    redis.restart_empty().unwrap();
    soon("a connection", coordination.connected()).await;
    soon("an announcement", coordination.announce(DEV, &entry("a", 1))).await.unwrap();
    assert!(coordination.status().connected);
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_listened_to_and_told_again() {
    let redis = Redis::start().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut changes = listening(&coordination, DEV).await;
    coordination.beat(&heartbeat("h-1", 1)).await.unwrap();

    redis.restart_empty().unwrap();
    assert_eq!(soon("a look at everything", changes.next()).await, Heard::Reconnected);
    until("an announcement", || async { coordination.announce(DEV, &entry("a", 7)).await.is_ok() }).await;
    assert_eq!(soon("the change", changes.next()).await, Heard::Change(entry("a", 7)));
    until("an empty list", || async { coordination.hosts(DEV).await.is_ok_and(|members| members.hosts.is_empty()) }).await;
    coordination.beat(&heartbeat("h-1", 2)).await.unwrap();
    assert_eq!(coordination.hosts(DEV).await.unwrap().hosts.len(), 1);
    assert!(counted(&coordination, "redis_connections_lost_total") >= 1);
}

#[tokio::test]
async fn a_redis_that_hangs_holds_nobody_up_and_is_left() {
    let redis = Redis::start().unwrap();
    let settings = RedisSettings { timeout_ms: 100, ..settings(&redis) };
    let coordination = connected(&settings).await;
    let mut changes = listening(&coordination, DEV).await;

    redis.pause().unwrap();
    let started = Instant::now();
    let error = coordination.announce(DEV, &entry("a", 1)).await.unwrap_err();
    assert!(matches!(error, OperationError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_millis(100) + SLACK, "{:?}", started.elapsed());
    until("it is given up", || async { !coordination.status().connected }).await;
    assert!(matches!(coordination.announce(DEV, &entry("a", 1)).await, Err(OperationError::NotConnected { .. })), "now nobody waits at all");

    redis.resume().unwrap();
    soon("a connection", coordination.connected()).await;
    assert_eq!(soon("a look at everything", changes.next()).await, Heard::Reconnected);
}

#[tokio::test]
async fn what_could_not_be_announced_is_said_when_redis_is_back() {
    let redis = Redis::start().unwrap();
    let direct = settings(&redis);
    let proxy = FaultProxy::to(redis.address()).unwrap();
    let speaker = connected(&RedisSettings { url: redis.url_at(proxy.address()), ..direct.clone() }).await;
    let listener = connected(&direct).await;
    let mut changes = listening(&listener, DEV).await;
    proxy.cut();
    until("it is lost", || async { !speaker.status().connected }).await;
    for seq in [4, 6, 5] {
        assert!(speaker.announce(DEV, &entry("a", seq)).await.is_err());
    }
    proxy.heal();
    assert_eq!(soon("the change", changes.next()).await, Heard::Change(entry("a", 6)), "the listener itself has lost nothing");
}

#[tokio::test]
async fn a_slow_redis_is_still_one() {
    let redis = Redis::start().unwrap();
    let proxy = FaultProxy::to(redis.address()).unwrap();
    let settings = RedisSettings { url: redis.url_at(proxy.address()), timeout_ms: 2_000, ..settings(&redis) };
    let coordination = connected(&settings).await;
    let mut changes = listening(&coordination, DEV).await;
    proxy.delay(Duration::from_millis(150));
    coordination.announce(DEV, &entry("a", 3)).await.unwrap();
    assert_eq!(soon("the change", changes.next()).await, Heard::Change(entry("a", 3)));
    assert!(coordination.status().connected);
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_and_another_redis_is_found_there() {
    let (redis, other) = (Redis::start().unwrap(), Redis::start().unwrap());
    let proxy = FaultProxy::to(redis.address()).unwrap();
    let settings = RedisSettings { url: redis.url_at(proxy.address()), timeout_ms: 100, ..settings(&redis) };
    let coordination = connected(&settings).await;
    let mut changes = listening(&coordination, DEV).await;

    proxy.black_hole();
    until("the silence is noticed", || async { !coordination.status().connected }).await;
    proxy.lead_to(other.address());
    proxy.cut();
    proxy.heal();
    soon("a connection", coordination.connected()).await;
    assert_eq!(soon("a look at everything", changes.next()).await, Heard::Reconnected);
    until("the change through the other", || async { coordination.announce(DEV, &entry("a", 9)).await.is_ok() }).await;
    let mut heard = soon("the change", changes.next()).await;
    while heard == Heard::Reconnected {
        heard = soon("the change", changes.next()).await;
    }
    assert_eq!(heard, Heard::Change(entry("a", 9)));
}
