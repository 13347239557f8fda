//! Redis gone, slow, emptied; hosts cut off from it.

use std::time::Duration;

use extensions_coordination::{OperationError, RedisSettings};
use extensions_test_servers::{FaultProxy, Redis};
use tokio::time::Instant;

use super::{Host, WHOLE, claim, together};
use crate::kit::{connected, counted_in, opened, settings, soon, until};

/// What a busy machine may add to an operation's time.
const SLACK: Duration = Duration::from_secs(3);

/// Until all have agreed anew.
async fn settle(hosts: &mut [Host], demand: u64) {
    for _ in 0..4 {
        for host in &mut *hosts {
            host.renew(demand).await;
        }
    }
}

#[tokio::test]
async fn without_redis_a_renewal_fails_at_once_and_what_was_held_is_claimed_again() {
    let redis = Redis::start().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut hosts = [Host::of(&coordination, "a"), Host::of(&coordination, "b")];
    settle(&mut hosts, 10).await;
    redis.stop();
    until("it is missed", || async { !coordination.status().connected }).await;
    let started = Instant::now();
    for _ in 0..100 {
        let error = hosts[0].leases.renew(vec![claim("acme", 10)]).await.unwrap_err();
        assert!(matches!(error, OperationError::NotConnected { .. }), "{error}");
    }
    assert!(started.elapsed() < SLACK, "{:?}", started.elapsed());
    assert_eq!(counted_in(|registry| hosts[0].leases.show(registry), "quota_leases_failed_total"), 100);

    // It comes back empty: nobody gets what another holds, though Redis knows of no one.
    redis.restart_empty().unwrap();
    soon("a connection", coordination.connected()).await;
    for host in 0..2 {
        hosts[host].renew(10).await;
        assert!(together(&hosts) <= WHOLE && hosts[host].holds >= 499_990, "{} {}", hosts[0].holds, hosts[1].holds);
    }
    settle(&mut hosts, 10).await;
    assert!(hosts.iter().all(|host| host.holds >= 499_990));
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_operations_time() {
    let redis = Redis::start().unwrap();
    let coordination = connected(&RedisSettings { timeout_ms: 100, ..settings(&redis) }).await;
    let mut host = Host::of(&coordination, "a");
    host.renew(1).await;
    redis.pause().unwrap();
    let started = Instant::now();
    let error = host.leases.renew((0..4_000).map(|number| claim(&format!("t{number}"), 1)).collect()).await.unwrap_err();
    assert!(matches!(error, OperationError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_millis(100) + SLACK, "{:?}", started.elapsed());
    redis.resume().unwrap();
    soon("a connection", coordination.connected()).await;
    until("it is renewed", || async { coordination.status().connected }).await;
}

/// The promise: hosts that are cut off go on with what they held last, so each adds at most its one lease.
#[tokio::test]
async fn each_host_that_is_cut_off_adds_at_most_its_one_lease() {
    let redis = Redis::start().unwrap();
    let direct = settings(&redis);
    let ways = [FaultProxy::to(redis.address()).unwrap(), FaultProxy::to(redis.address()).unwrap()];
    let through = |way: &FaultProxy| opened(&RedisSettings { url: redis.url_at(way.address()), ..direct.clone() });
    let coordinations = [through(&ways[0]), through(&ways[1]), opened(&direct)];
    let mut hosts = Vec::new();
    for (number, coordination) in coordinations.iter().enumerate() {
        soon("a connection", coordination.connected()).await;
        hosts.push(Host::of(coordination, &format!("h-{number}")));
    }
    settle(&mut hosts, 100).await;
    assert!(together(&hosts) <= WHOLE && hosts.iter().all(|host| host.holds > WHOLE / 3 - 10));

    let mut leases_of_cut_off = 0;
    for cut in 0..2 {
        leases_of_cut_off += hosts[cut].holds;
        ways[cut].cut();
        until("it is cut off", || async { !coordinations[cut].status().connected }).await;
        assert!(hosts[cut].leases.renew(vec![claim("acme", 900)]).await.is_err(), "what it held last is what it holds");
        let rest = tokio::sync::Mutex::new(hosts.split_off(cut + 1));
        until("the others have its part", || async {
            let rest = &mut *rest.lock().await;
            for host in &mut *rest {
                host.renew(100).await;
            }
            together(rest) >= WHOLE - 10
        })
        .await;
        hosts.extend(rest.into_inner());
        assert!(together(&hosts) <= WHOLE + leases_of_cut_off, "{cut}: {}", together(&hosts));
    }
    // Healed, each gives way with its first answer.
    for cut in 0..2 {
        ways[cut].heal();
        soon("a connection", coordinations[cut].connected()).await;
        hosts[cut].renew(100).await;
    }
    assert!(together(&hosts) <= WHOLE, "{}", together(&hosts));
    settle(&mut hosts, 100).await;
    assert!(hosts.iter().all(|host| host.holds > WHOLE / 3 - 10));
}
