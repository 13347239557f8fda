//! Heartbeats: who lives, and who only says so.

use extensions_coordination::{Coordination, RedisSettings, Trust};
use extensions_test_servers::Redis;
use extensions_types::Environment;
use redis::AsyncCommands as _;

use crate::kit::{DEV, connected, counted, heartbeat, key, settings, stranger, until};

async fn ids(coordination: &Coordination) -> Vec<String> {
    let members = coordination.hosts(DEV).await.unwrap();
    members.hosts.iter().map(|member| member.heartbeat.host.to_string()).collect()
}

#[tokio::test]
async fn a_host_lives_as_long_as_it_says_so() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    coordination.beat(&heartbeat("b-1", 1)).await.unwrap();
    coordination.beat(&heartbeat("a-1", 1)).await.unwrap();
    coordination.beat(&heartbeat("a-1", 2)).await.unwrap();
    let members = coordination.hosts(DEV).await.unwrap();
    let said: Vec<_> = members.hosts.iter().map(|member| member.heartbeat.clone()).collect();
    assert_eq!(said, [heartbeat("a-1", 2), heartbeat("b-1", 1)], "the last of each, by id");
    assert!(members.whole && members.refused == 0);
    assert!(members.hosts.iter().all(|member| member.trust == Trust::Unauthenticated), "there is no key");
    assert!(coordination.hosts(Environment::Prod).await.unwrap().hosts.is_empty());

    coordination.leave(DEV, &heartbeat("b-1", 1).host).await.unwrap();
    assert!(!ids(&coordination).await.contains(&"b-1".to_owned()), "one that leaves is gone at once");
    until("one that is silent expires", || async { ids(&coordination).await.is_empty() }).await;
}

#[tokio::test]
async fn forged_foreign_and_broken_heartbeats_are_counted_and_nobody_is_shown_for_them() {
    let redis = Redis::shared().unwrap();
    let (_dir, key_file) = key(1);
    let settings = RedisSettings { key_file: Some(key_file), ..settings(&redis) };
    let coordination = connected(&settings).await;
    coordination.beat(&heartbeat("real-1", 1)).await.unwrap();
    let mut stranger = stranger(&redis).await;
    let at = |host: &str| format!("{}:dev:host:{host}", settings.namespace);
    let genuine: Vec<u8> = stranger.get(at("real-1")).await.unwrap();
    // Another host under its own, genuine words; one without a key; words of all kinds; a value of another kind.
    let _: () = stranger.set(at("copy-1"), &genuine).await.unwrap();
    let _: () = stranger.set(at("open-1"), [b"1 - ", &genuine[67..]].concat()).await.unwrap();
    let _: () = stranger.set(at("huge-1"), vec![b'x'; 8 << 20]).await.unwrap();
    let _: () = stranger.set(at("nonsense-1"), "\u{1b}[31m").await.unwrap();
    let _: () = stranger.lpush(at("list-1"), "x").await.unwrap();
    let _: () = stranger.set(at("a b:c"), &genuine).await.unwrap();
    let members = coordination.hosts(DEV).await.unwrap();
    let shown: Vec<_> = members.hosts.iter().map(|member| (member.heartbeat.host.as_str(), member.trust)).collect();
    assert_eq!(shown, [("real-1", Trust::Authenticated)]);
    assert_eq!(members.refused, 5);
    let refused = |reason: &str| counted(&coordination, &format!("redis_heartbeats_refused_total{{reason=\"{reason}\"}}"));
    assert_eq!((refused("Unauthenticated"), refused("TooLong"), refused("Malformed")), (2, 1, 3));
}

#[tokio::test]
async fn a_host_of_another_key_is_not_of_the_fleet() {
    let redis = Redis::shared().unwrap();
    let ((_dev_dir, of_dev), (_prod_dir, of_prod)) = (key(1), key(2));
    let mut registry = RedisSettings { key_file: Some(of_dev.clone()), ..settings(&redis) };
    registry.keys.prod = Some(of_prod);
    let registry_end = connected(&registry).await;
    let host = connected(&RedisSettings { keys: extensions_coordination::KeyFiles::default(), ..registry.clone() }).await;
    host.beat(&heartbeat("h-1", 1)).await.unwrap();
    let pretender = extensions_coordination::Heartbeat { env: Environment::Prod, ..heartbeat("h-1", 1) };
    host.beat(&pretender).await.unwrap();
    assert_eq!(ids(&registry_end).await, ["h-1"]);
    let prod = registry_end.hosts(Environment::Prod).await.unwrap();
    assert_eq!((prod.hosts.len(), prod.refused), (0, 1), "a host of dev cannot speak for prod");
}

#[tokio::test]
async fn more_hosts_than_are_shown_are_said_to_be_more() {
    let redis = Redis::start().unwrap();
    let settings = settings(&redis);
    let coordination = connected(&settings).await;
    coordination.beat(&heartbeat("h-0", 1)).await.unwrap();
    let mut stranger = stranger(&redis).await;
    let mut pipe = redis::pipe();
    for number in 0..5_000 {
        pipe.cmd("SET").arg(format!("{}:dev:host:x{number}", settings.namespace)).arg("x").ignore();
        pipe.cmd("SET").arg(format!("other:{number}")).arg("x").ignore();
    }
    let _: () = pipe.query_async(&mut stranger).await.unwrap();
    let members = coordination.hosts(DEV).await.unwrap();
    assert!(!members.whole);
    assert!(members.hosts.len() + members.refused <= extensions_coordination::HOSTS_MAX);
}
