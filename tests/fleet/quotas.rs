//! A quota that two hosts share: what they admit together, with one of them
//! killed, cut off from Redis, and back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use extensions_client::{Client, Endpoint, Invoke};
use extensions_identity::Audience;
use extensions_test_support::{PATIENCE, Request, event};
use extensions_types::ErrorCode;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    cast::{Fleet, Host, RULE},
    look::ASK_EVERY,
    people::TENANT,
};

/// Calls a second of all hosts together: far less than is asked of each.
const RATE: u64 = 40;
const BURST: u64 = 10;
const ASKED_EVERY: Duration = Duration::from_millis(8);
/// Calls at each host that make one measurement: some seconds, waited for in steps.
const CALLS: u64 = 400;
const STEPS: u64 = 20;
const WHOLE: u64 = 1_000_000;

/// Somebody who asks one host for more than the quota, again and again.
struct Flood {
    admitted: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    calls: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Flood {
    fn of(fleet: &Fleet, host: &Host) -> Self {
        let endpoint: Endpoint = host.server.url.parse().unwrap();
        let client = Client::builder().token(fleet.people.caller()).retries(0).timeout(PATIENCE).connect(&endpoint).unwrap();
        let (admitted, refused) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (told, calls) = watch::channel(0);
        let (of_admitted, of_refused) = (Arc::clone(&admitted), Arc::clone(&refused));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(ASKED_EVERY);
            loop {
                ticks.tick().await;
                match client.invoke(Invoke::new(RULE).point("task")).await {
                    Ok(_) => of_admitted.fetch_add(1, SeqCst),
                    Err(error) if error.code() == Some(ErrorCode::QuotaExceeded) => of_refused.fetch_add(1, SeqCst),
                    // A host that is killed answers nobody.
                    Err(_) => 0,
                };
                told.send_modify(|calls| *calls += 1);
            }
        });
        Self { admitted, refused, calls, task }
    }

    async fn calls_more(&self, number: u64) {
        let until = *self.calls.borrow() + number;
        event(self.calls.clone().wait_for(|calls| *calls >= until)).await.unwrap();
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Admits what `times` the quota allows at most, while all are asked for more.
async fn admits_at_most(floods: &[Flood], times: u64, when: &str) {
    let counts = |of: fn(&Flood) -> &AtomicU64| floods.iter().map(|flood| of(flood).load(SeqCst)).sum::<u64>();
    let (began, admitted, refused) = (Instant::now(), counts(|flood| &*flood.admitted), counts(|flood| &*flood.refused));
    for _ in 0..STEPS {
        for flood in floods {
            flood.calls_more(CALLS / STEPS).await;
        }
    }
    let (admitted, refused) = (counts(|flood| &*flood.admitted) - admitted, counts(|flood| &*flood.refused) - refused);
    let whole = RATE * u64::try_from(began.elapsed().as_millis()).unwrap().div_ceil(1_000) + BURST;
    // One call of each may have been admitted before the count began and told after.
    let most = times * whole + 2 * floods.len() as u64;
    assert!(admitted <= most, "{when}: {admitted} admitted, at most {most}");
    assert!(admitted > 0 && refused > 0, "{when}: {admitted} admitted, {refused} refused");
}

impl Fleet {
    /// A host's part of the tenant's quota, in parts per million; none before the fleet said it.
    async fn share(&self, host: &Host) -> Option<u64> {
        let token = self.people.operator(Audience::Runtime);
        let path = format!("/admin/v1/control?tenant_id={TENANT}&extension_id={RULE}");
        let reply = event(Request::new("GET", path).token(&token).send(&host.server.url.parse().unwrap())).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let used = &reply.json()["use"]["tenant"];
        used["share_heard"].as_bool().unwrap_or_default().then(|| used["share_parts"].as_u64()).flatten()
    }

    /// Asks the hosts for their shares until they are as `wanted`.
    async fn shares(&self, hosts: &[&Host], what: &str, wanted: impl Fn(&[u64]) -> bool) -> Vec<u64> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut shares = Vec::new();
            for host in hosts {
                shares.extend(self.share(host).await);
            }
            if shares.len() == hosts.len() && wanted(&shares) {
                return shares;
            }
            assert!(Instant::now() < until, "{what} did not come: {shares:?}");
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

/// What two hosts that are asked for as much come to.
fn are_fair(shares: &[u64]) -> bool {
    shares.iter().sum::<u64>() <= WHOLE && shares.iter().all(|share| (WHOLE / 4..=3 * WHOLE / 4).contains(share))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_share_a_rate_also_when_one_dies_or_redis_goes() {
    let fleet = Fleet::with_redis().await;
    let [one, mut other] = fleet.two_hosts().await;
    let (rate, burst) = (RATE.to_string(), BURST.to_string());
    let quota = ["quota", "set", "--env", "dev", "--tenant", TENANT, "--rate", &rate, "--burst", &burst, "--why", "a test"];
    fleet.operated(&quota).await;
    let mut floods = vec![Flood::of(&fleet, &one), Flood::of(&fleet, &other)];

    fleet.shares(&[&one, &other], "a fair share", are_fair).await;
    admits_at_most(&floods, 1, "two hosts").await;

    other.kill().await;
    floods.truncate(1);
    fleet.shares(&[&one], "the dead host's share", |shares| shares[0] > 9 * WHOLE / 10).await;
    admits_at_most(&floods, 1, "one host").await;

    other.restart().await;
    other.becomes_ready().await;
    fleet.answers(&other, RULE, 1).await;
    floods.push(Flood::of(&fleet, &other));
    fleet.shares(&[&one, &other], "a fair share again", are_fair).await;

    // Both without Redis: each keeps what it had, no more than the whole together.
    [&one, &other].into_iter().for_each(|host| host.ways.redis().cut());
    for host in [&one, &other] {
        fleet.measures(host, "extensions_quota_leases_failed_total", |failed| failed >= 4.0).await;
    }
    let kept = fleet.shares(&[&one, &other], "shares that are kept", |_| true).await;
    assert!(kept.iter().sum::<u64>() <= WHOLE, "{kept:?}");
    admits_at_most(&floods, 1, "two hosts without Redis").await;

    // One is back and takes over what ran out; the other one still has its share: one lease too much.
    one.ways.redis().heal();
    let shares = fleet.shares(&[&one, &other], "a share that ran out", |shares| shares[0] > 9 * WHOLE / 10).await;
    assert_eq!(shares[1], kept[1], "the host without Redis keeps its share");
    admits_at_most(&floods, 2, "one of two hosts without Redis").await;

    other.ways.redis().heal();
    fleet.shares(&[&one, &other], "a fair share once more", are_fair).await;
    admits_at_most(&floods, 1, "two hosts again").await;
}
