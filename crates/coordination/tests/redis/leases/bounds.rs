//! What others wrote under our keys, and more claims than there is room for.

use extensions_coordination::{BATCH_SCOPES_MAX, CLAIMS_MAX, Claim, Leases};
use extensions_test_servers::Redis;
use redis::{AsyncCommands as _, aio::MultiplexedConnection};

use super::{Host, WHOLE, claim, of, scope, together};
use crate::kit::{DEV, connected, counted_in, settings, stranger};

/// Puts something under a key.
type Damage = fn(&mut redis::Pipeline, &str);

const DAMAGES: [(&str, Damage); 11] = [
    ("a text", |pipe, key| _ = pipe.cmd("SET").arg(key).arg("x")),
    ("a list", |pipe, key| _ = pipe.cmd("RPUSH").arg(key).arg("x")),
    ("words", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("*").arg("all of it").arg("a").arg("mine")),
    ("bytes", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg(&b"\xff\x00"[..]).arg(&b"\x00\xff"[..]).arg("*").arg(&b"\xff"[..])),
    ("a long value", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("*").arg("1".repeat(1 << 20)).arg("a").arg("9".repeat(1 << 20))),
    ("negative parts", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("*").arg("-5 -5 -5").arg("a").arg("-1000000 1 9999999999999")),
    ("a lease for ever", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("evil").arg("1000000 1000000000 99999999999999")),
    ("numbers that are none", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("*").arg("nan inf 1e999").arg("evil").arg("0x1 1e3 1.5")),
    ("sums without rows", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("*").arg("999999 7 4102444800000")),
    ("an own row that nobody counted", |pipe, key| _ = pipe.cmd("HSET").arg(key).arg("a").arg("1000000 1 4102444800000")),
    ("more hosts than a fleet has", |pipe, key| {
        let command = pipe.cmd("HSET").arg(key);
        for number in 0..5_000 {
            command.arg(format!("h{number}")).arg("1 1 1");
        }
    }),
];

async fn damage(stranger: &mut MultiplexedConnection, key: &str, how: Damage) {
    let mut pipe = redis::pipe();
    pipe.cmd("DEL").arg(key);
    how(&mut pipe, key);
    let _: redis::Value = pipe.query_async(stranger).await.unwrap();
}

#[tokio::test]
async fn what_is_not_ours_under_a_key_is_cleared_away() {
    let redis = Redis::shared().unwrap();
    let settings = settings(&redis);
    let coordination = connected(&settings).await;
    let mut stranger = stranger(&redis).await;
    for name in ["lease:acme", "leases"] {
        let key = format!("{}:dev:{name}", settings.namespace);
        for (what, how) in DAMAGES {
            let mut hosts = [Host::of(&coordination, "a"), Host::of(&coordination, "b")];
            damage(&mut stranger, &key, how).await;
            for _ in 0..4 {
                hosts[0].renew(1).await;
                hosts[1].renew(1).await;
                assert!(together(&hosts) <= WHOLE, "{what} at {name}");
            }
            assert!(hosts.iter().all(|host| (499_990..=500_000).contains(&host.holds)), "{what} at {name}: {} {}", hosts[0].holds, hosts[1].holds);
            let rows: Vec<String> = stranger.hkeys(&key).await.unwrap();
            assert_eq!(rows.len(), 3, "{what} at {name}: {rows:?}");
            for host in &mut hosts {
                host.leases.give_back().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn damage_under_a_running_fleet_is_mended() {
    let redis = Redis::shared().unwrap();
    let settings = settings(&redis);
    let coordination = connected(&settings).await;
    let mut stranger = stranger(&redis).await;
    let mut hosts = [Host::of(&coordination, "a"), Host::of(&coordination, "b")];
    for (what, how) in DAMAGES {
        for name in ["lease:acme", "leases"] {
            damage(&mut stranger, &format!("{}:dev:{name}", settings.namespace), how).await;
            // What was held is told again; each gives way within its own next renewals.
            for _ in 0..4 {
                hosts[0].renew(1).await;
                hosts[1].renew(1).await;
            }
            assert!(together(&hosts) <= WHOLE, "{what} at {name}");
            assert!(hosts.iter().all(|host| host.holds >= 499_990), "{what} at {name}: {} {}", hosts[0].holds, hosts[1].holds);
        }
    }
}

fn many(count: usize) -> Vec<Claim> {
    (0..count).map(|number| claim(&format!("t{number}"), number as u64)).collect()
}

#[tokio::test]
async fn claims_travel_in_batches_and_those_of_least_demand_are_left() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let (mut one, mut other) = (Host::of(&coordination, "a").leases, Host::of(&coordination, "b").leases);
    for _ in 0..4 {
        one.renew(many(3 * BATCH_SCOPES_MAX + 1)).await.unwrap();
        other.renew(vec![claim("t0", 1)]).await.unwrap();
    }
    let renewed = one.renew(many(3 * BATCH_SCOPES_MAX + 1)).await.unwrap();
    assert_eq!((renewed.shares.len(), renewed.left), (3 * BATCH_SCOPES_MAX + 1, 0));
    assert!(renewed.shares.iter().filter(|(of, _)| *of != scope("t0")).all(|(_, share)| (874_990..=875_000).contains(&share.ppm())));

    let renewed = one.renew(many(CLAIMS_MAX + 50)).await.unwrap();
    assert!(renewed.left >= 50 && of(&renewed, &scope("t0")).is_none(), "{}", renewed.left);
    assert!(counted_in(|registry| one.show(registry), "quota_leases_left_total") >= 50);
}

/// A host that asks for ever other scopes holds a bounded number.
#[tokio::test]
async fn scopes_without_end_are_not_held_without_end() {
    let redis = Redis::shared().unwrap();
    let coordination = connected(&settings(&redis)).await;
    let mut leases = Leases::of(&coordination, DEV, extensions_coordination::HostId::parse("a").unwrap());
    for round in 0..8 {
        let claims = (0..CLAIMS_MAX).map(|number| claim(&format!("t{round}-{number}"), 1)).collect();
        leases.renew(claims).await.unwrap();
        let held = counted_in(|registry| leases.show(registry), "quota_leases_held");
        assert!(held <= 4 * CLAIMS_MAX as u64, "{held}");
    }
}
