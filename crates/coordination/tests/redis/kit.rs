//! What the tests have in common.

use std::{path::PathBuf, time::Duration};

use extensions_coordination::{Change, Changes, Coordination, EntryState, Heard, Heartbeat, HostChange, HostId, Recent, RedisSettings};
use extensions_test_servers::Redis;
use extensions_types::{Environment, ExtensionId, TenantId, Version};
use prometheus_client::registry::Registry;
use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout};

/// Far more than anything here takes, on a machine that builds beside.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const DEV: Environment = Environment::Dev;

/// Settings with a namespace of their own.
pub(crate) fn settings(redis: &Redis) -> RedisSettings {
    RedisSettings { namespace: redis.namespace(), ..RedisSettings::at(redis.url()) }
}

pub(crate) fn opened(settings: &RedisSettings) -> Coordination {
    Coordination::open(settings).unwrap()
}

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} did not happen within {SOON:?}"))
}

/// Looks again until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let started = Instant::now();
    while !look().await {
        assert!(started.elapsed() < SOON, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn connected(settings: &RedisSettings) -> Coordination {
    let coordination = opened(settings);
    soon("a connection", coordination.connected()).await;
    coordination
}

/// Listens, and has begun to.
pub(crate) async fn listening(coordination: &Coordination, env: Environment) -> Changes {
    let mut changes = coordination.changes(env);
    assert_eq!(soon("the first look", changes.next()).await, Heard::Reconnected);
    changes
}

pub(crate) fn entry(extension: &str, seq: u64) -> Change {
    Change::Entry { tenant: TenantId::parse("acme").unwrap(), extension: ExtensionId::parse(extension).unwrap(), seq }
}

/// Anyone who reaches Redis.
pub(crate) async fn stranger(redis: &Redis) -> MultiplexedConnection {
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

pub(crate) async fn shout(stranger: &mut MultiplexedConnection, namespace: &str, text: &[u8]) {
    let heard: u64 = stranger.publish(format!("{namespace}:dev:changes"), text).await.unwrap();
    assert!(heard > 0, "nobody listens");
}

/// A number of the metrics, by the line's beginning; 0 where it is not there.
pub(crate) fn counted(coordination: &Coordination, line: &str) -> u64 {
    counted_in(|registry| coordination.show(registry), line)
}

/// The same of whatever shows itself.
pub(crate) fn counted_in(show: impl FnOnce(&mut Registry), line: &str) -> u64 {
    let (mut registry, mut text) = (Registry::default(), String::new());
    show(&mut registry);
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let value = text.lines().find_map(|shown| shown.strip_prefix(line)?.split_whitespace().last()?.parse().ok());
    value.unwrap_or(0)
}

/// A heartbeat of a host that serves one change.
pub(crate) fn heartbeat(host: &str, at_ms: u64) -> Heartbeat {
    let mut recent = Recent::since(1);
    recent.note(HostChange {
        tenant: TenantId::parse("acme").unwrap(),
        extension: ExtensionId::parse("a").unwrap(),
        generation: 0,
        seq: at_ms,
        version: Version::new(1),
        state: EntryState::Served,
        at_ms,
    });
    Heartbeat {
        host: HostId::parse(host).unwrap(),
        env: DEV,
        build: "test".to_owned(),
        compat: "test".to_owned(),
        started_ms: 1,
        at_ms,
        address: None,
        ready: true,
        draining: false,
        control: None,
        listed_age_ms: None,
        extensions: 1,
        loaded: 1,
        problems: Vec::new(),
        recent,
    }
}

/// A folder with a key in it.
pub(crate) fn key(byte: u8) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.key");
    std::fs::write(&path, [byte; 32]).unwrap();
    (dir, path)
}
