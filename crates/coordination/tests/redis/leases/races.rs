//! Hosts that renew at the same time, lose answers, come and go.

use std::sync::{Arc, Mutex};

use extensions_coordination::{Coordination, HostId, Leases};
use extensions_test_servers::Redis;
use proptest::prelude::*;
use tokio::task::JoinSet;

use super::{Host, WHOLE, claim, of, scope, together};
use crate::kit::{DEV, connected, settings};

const HOSTS: usize = 6;
const RENEWALS: usize = 150;

/// A row of numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Renews and writes down what it holds; every third answer or so is lost on the way.
async fn race(coordination: Coordination, number: usize, holds: Arc<Mutex<[u32; HOSTS]>>) {
    let mut leases = Leases::of(&coordination, DEV, HostId::parse(&format!("h-{number}")).unwrap());
    let mut dice = Dice(number as u64 + 1);
    for _ in 0..RENEWALS {
        let demand = dice.roll(4) * dice.roll(1_000);
        let patience = if dice.roll(3) == 0 { dice.roll(6) } else { u64::MAX };
        let answer = tokio::select! {
            biased;
            renewed = leases.renew(vec![claim("acme", demand)]) => Some(renewed.unwrap()),
            () = turns(patience) => None,
        };
        let Some(renewed) = answer else { continue };
        let mut holds = holds.lock().unwrap();
        holds[number] = of(&renewed, &scope("acme")).unwrap();
        assert!(holds.iter().sum::<u32>() <= WHOLE, "{holds:?}");
    }
}

async fn turns(count: u64) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_hosts_never_hold_more_than_the_whole_together() {
    let redis = Redis::shared().unwrap();
    let settings = settings(&redis);
    let holds = Arc::new(Mutex::new([0; HOSTS]));
    let mut racing = JoinSet::new();
    for number in 0..HOSTS {
        racing.spawn(race(connected(&settings).await, number, Arc::clone(&holds)));
    }
    while let Some(ended) = racing.join_next().await {
        ended.unwrap();
    }
    assert!(holds.lock().unwrap().iter().sum::<u32>() > WHOLE / 2, "and what is there is used");
}

/// What befalls a fleet.
#[derive(Debug, Clone, Copy)]
enum Event {
    Renew {
        host: usize,
        demand: u64,
    },
    /// Redis did it, and the host never heard.
    AnswerLost {
        host: usize,
        demand: u64,
    },
    GiveBack {
        host: usize,
    },
    /// It ends and starts anew under the same name, at once: what Redis knows of it is nobody's until it renews.
    Restart {
        host: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let demand = prop_oneof![Just(0), Just(1), 1..100_u64, Just(u64::MAX)];
    prop_oneof![
        6 => (0..4_usize, demand.clone()).prop_map(|(host, demand)| Event::Renew { host, demand }),
        2 => (0..4_usize, demand).prop_map(|(host, demand)| Event::AnswerLost { host, demand }),
        1 => (0..4_usize).prop_map(|host| Event::GiveBack { host }),
        1 => (0..4_usize).prop_map(|host| Event::Restart { host }),
    ]
}

async fn happen(coordination: &Coordination, hosts: &mut [Host], event: Event) {
    match event {
        Event::Renew { host, demand } => drop(hosts[host].renew(demand).await),
        Event::AnswerLost { host, demand } => {
            // A future that is dropped before its answer came: the question is on its way.
            let asked = hosts[host].leases.renew(vec![claim("acme", demand)]);
            tokio::select! { biased; _ = asked => {}, () = turns(2) => {} }
        }
        Event::GiveBack { host } => {
            hosts[host].holds = 0;
            hosts[host].leases.give_back().await.unwrap();
        }
        Event::Restart { host } => hosts[host] = Host::of(coordination, &format!("h-{host}")),
    }
}

#[test]
fn no_order_of_events_gives_out_more_than_the_whole() {
    let redis = Redis::shared().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(events in proptest::collection::vec(event(), 1..60))| {
        runtime.block_on(async {
            let coordination = connected(&settings(&redis)).await;
            let mut hosts: Vec<_> = (0..4).map(|host| Host::of(&coordination, &format!("h-{host}"))).collect();
            for event in &events {
                happen(&coordination, &mut hosts, *event).await;
                assert!(together(&hosts) <= WHOLE, "{:?} after {event:?}", hosts.iter().map(|host| host.holds).collect::<Vec<_>>());
            }
        });
    });
}
