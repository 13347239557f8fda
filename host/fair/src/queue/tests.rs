//! Shares, order, bounds: by example, and whatever comes in whatever order.

use extensions_types::Weight;
use proptest::prelude::*;

use super::*;

const SLICE: Duration = Duration::from_micros(500);

fn share(weight: u32) -> Arc<Share> {
    Arc::new(Share::new(Weight::new(weight).unwrap()))
}

fn shares(weights: &[u32]) -> Vec<Arc<Share>> {
    weights.iter().map(|weight| share(*weight)).collect()
}

fn queue<T>() -> FairQueue<T> {
    FairQueue::new(Lane::Fast, 1_024)
}

/// Gives one turn that takes `cpu`, and says whose it was.
fn turn<T>(queue: &mut FairQueue<T>, share_of: impl Fn(&T) -> Arc<Share>, cpu: Duration) -> Option<T> {
    let (turn, item) = queue.pop()?;
    share_of(&item).charge(Lane::Fast, cpu);
    queue.settle(turn, cpu);
    Some(item)
}

/// Serves tenants that always have something waiting, and says what each used.
fn serve(shares: &[Arc<Share>], costs: &[Duration], servers: usize, total: Duration) -> Vec<Duration> {
    let mut queue = queue();
    for (tenant, share) in shares.iter().enumerate() {
        (0..=servers).for_each(|_| {
            queue.push(share, tenant).unwrap();
        });
    }
    let mut under_way = VecDeque::new();
    while shares.iter().map(|share| share.used()).sum::<Duration>() < total {
        while under_way.len() < servers {
            under_way.push_back(queue.pop().unwrap());
        }
        let (turn, tenant) = under_way.pop_front().unwrap();
        shares[tenant].charge(Lane::Fast, costs[tenant]);
        queue.put_back(turn, costs[tenant], tenant);
    }
    shares.iter().map(|share| share.used()).collect()
}

#[test]
fn unequal_guests_get_equal_time() {
    for tenants in [2, 10, 100] {
        let costs: Vec<Duration> = (1..=tenants).map(|at| Duration::from_micros(5 + 495 * at / tenants)).collect();
        let used = serve(&shares(&vec![100; tenants as usize]), &costs, 1, 10 * tenants as u32 * 10 * SLICE);
        let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
        assert!(*most - *least <= SLICE, "{tenants}: {least:?} to {most:?}");
    }
}

#[test]
fn weights_are_shares() {
    let used = serve(&shares(&[100, 200, 50, 1_000]), &[SLICE; 4], 1, Duration::from_secs(27));
    let parts: Vec<u128> = used.iter().map(|used| used.as_millis() / 100).collect();
    assert_eq!(parts, [20, 40, 10, 200]);
}

#[test]
fn several_servers_share_alike() {
    let used = serve(&shares(&[100, 100, 100]), &[SLICE, SLICE / 10, SLICE * 40], 3, Duration::from_secs(30));
    let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
    assert!(*most - *least <= 3 * 40 * SLICE, "{used:?}");
}

/// A tenant of one call at a time comes back behind those who waited.
#[test]
fn who_leaves_and_comes_back_has_no_credit_and_no_amnesty() {
    let shares = shares(&[100; 3]);
    let mut queue = queue();
    for tenant in [1, 1, 1, 2, 2, 2] {
        queue.push(&shares[tenant], tenant).unwrap();
    }
    let mut served = Vec::new();
    for _ in 0..6 {
        // Tenant 0 has one item at a time, pushed anew as soon as it was served.
        if !queue.flows.values().any(|flow| flow.waiting.iter().any(|(_, tenant)| *tenant == 0)) {
            queue.push(&shares[0], 0).unwrap();
        }
        served.push(turn(&mut queue, |tenant| Arc::clone(&shares[*tenant]), SLICE).unwrap());
    }
    for tenant in 0..3 {
        assert_eq!(served.iter().filter(|served| **served == tenant).count(), 2, "{served:?}");
    }
}

#[test]
fn a_newcomer_waits_for_one_turn_of_each_and_no_more() {
    let old = shares(&[100; 4]);
    let mut queue = queue();
    for _ in 0..50 {
        (0..4).for_each(|tenant| {
            queue.push(&old[tenant], tenant).unwrap();
        });
    }
    (0..100).for_each(|_| {
        turn(&mut queue, |tenant| Arc::clone(&old[*tenant]), SLICE);
    });
    let new = share(100);
    queue.push(&new, 9).unwrap();
    let share_of = |tenant: &usize| if *tenant == 9 { Arc::clone(&new) } else { Arc::clone(&old[*tenant]) };
    let waited = (0..).take_while(|_| turn(&mut queue, share_of, SLICE) != Some(9)).count();
    assert!(waited <= 4, "it waited for {waited} turns");
}

#[test]
fn within_a_tenant_it_is_first_come_first_served() {
    let one = share(100);
    let mut queue = queue();
    (0..10).for_each(|at| {
        queue.push(&one, at).unwrap();
    });
    let served: Vec<u32> = std::iter::from_fn(|| turn(&mut queue, |_| Arc::clone(&one), SLICE)).collect();
    assert_eq!(served, (0..10).collect::<Vec<_>>());
    assert!(queue.flows.is_empty(), "an idle queue remembers nobody");
}

#[test]
fn what_a_tenant_used_elsewhere_counts_here_up_to_a_bound() {
    let shares = shares(&[100; 2]);
    let mut queue = queue();
    for _ in 0..300 {
        (0..2).for_each(|tenant| {
            queue.push(&shares[tenant], tenant).unwrap();
        });
    }
    let share_of = |tenant: &usize| Arc::clone(&shares[*tenant]);
    shares[0].charge(Lane::Fast, 10 * SLICE);
    let served: Vec<usize> = (0..12).map(|_| turn(&mut queue, share_of, SLICE).unwrap()).collect();
    assert_eq!(served.iter().filter(|tenant| **tenant == 0).count(), 1, "{served:?}");
    // The other lane's time is not this one's.
    shares[1].charge(Lane::Slow, Duration::from_secs(9));
    assert!((0..2).any(|_| turn(&mut queue, share_of, SLICE) == Some(1)));
    shares[0].charge(Lane::Fast, Duration::from_secs(9));
    let waited = (0..).take_while(|_| turn(&mut queue, share_of, SLICE) != Some(0)).count();
    assert!((150..=205).contains(&waited), "{waited}");
}

#[test]
fn a_flood_leaves_room_for_others() {
    let mut queue = FairQueue::new(Lane::Fast, 64);
    let flood = share(100);
    let accepted = (0..1_000).take_while(|at| queue.push(&flood, *at).is_ok()).count();
    assert_eq!(accepted, 32);
    assert_eq!(queue.push(&flood, 0).unwrap_err().0, Full::ForTenant);
    // Each newcomer of more than thirty finds a place.
    let others = shares(&[100; 32]);
    assert!(others.iter().all(|other| queue.push(other, 0).is_ok()));
    assert_eq!(queue.push(&share(100), 0).unwrap_err().0, Full::ForAll);
}

#[test]
fn who_left_is_not_served() {
    let shares = shares(&[100; 2]);
    let mut queue = queue();
    let tickets: Vec<Ticket> = (0..4).map(|at| queue.push(&shares[at % 2], at).unwrap()).collect();
    assert_eq!((queue.remove(tickets[0]), queue.remove(tickets[0])), (Some(0), None));
    assert_eq!(queue.take_where(|at| *at == 3), [3]);
    let served: Vec<usize> = std::iter::from_fn(|| turn(&mut queue, |at| Arc::clone(&shares[*at % 2]), SLICE)).collect();
    assert_eq!(served.len(), 2);
    assert!(served.contains(&1) && served.contains(&2));
    assert_eq!(queue.remove(tickets[1]), None);
}

#[test]
fn debts_of_many_are_bounded() {
    let mut queue: FairQueue<Arc<Share>> = queue();
    let busy = share(1);
    queue.push(&busy, Arc::clone(&busy)).unwrap();
    turn(&mut queue, Arc::clone, SLICE);
    // The busy tenant keeps the queue from resting, far behind all the others.
    queue.push(&busy, Arc::clone(&busy)).unwrap();
    let held = queue.pop().unwrap();
    for _ in 0..3 * DEBTORS_MAX {
        let passing = share(100);
        queue.push(&passing, Arc::clone(&passing)).unwrap();
        turn(&mut queue, Arc::clone, SLICE);
    }
    assert!(queue.flows.len() <= DEBTORS_MAX + 1);
    queue.settle(held.0, SLICE);
    assert!(queue.flows.is_empty());
}

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    /// Take a turn, of so many microseconds, and come back or not.
    Turn(u64, bool),
    Remove(usize),
    Elsewhere(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..6).prop_map(Step::Push),
        4 => (0_u64..500, any::<bool>()).prop_map(|(micros, again)| Step::Turn(micros, again)),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => (0_usize..6, 0_u64..100_000).prop_map(|(tenant, micros)| Step::Elsewhere(tenant, micros)),
    ];
    proptest::collection::vec(step, 1..400)
}

proptest! {
    /// Two tenants who both wait all the time never drift apart by more than one
    /// turn of each, whatever their weights, turns and number of servers.
    #[test]
    fn nobody_is_ahead_by_more_than_a_turn(tenants in proptest::collection::vec((1_u32..=1_000, 1_u64..500), 2..20), turns in 1_u32..2_000) {
        let shares = shares(&tenants.iter().map(|(weight, _)| *weight).collect::<Vec<_>>());
        let mut queue = queue();
        (0..tenants.len()).for_each(|tenant| { queue.push(&shares[tenant], tenant).unwrap(); });
        for _ in 0..turns {
            let (turn, tenant) = queue.pop().unwrap();
            let cost = Duration::from_micros(tenants[tenant].1);
            shares[tenant].charge(Lane::Fast, cost);
            queue.put_back(turn, cost, tenant);
            let weighed: Vec<u64> = shares.iter().map(|share| share.weighed(share.fine_used(Lane::Fast))).collect();
            let most_ahead = (0..tenants.len()).max_by_key(|at| weighed[*at]).unwrap();
            let turn_of = |at: usize| shares[at].weighed(tenants[at].1 * 1_000);
            for (at, behind) in weighed.iter().enumerate() {
                // A nanosecond of rounding a turn.
                let bound = turn_of(most_ahead) + turn_of(at) + u64::from(turns);
                prop_assert!(weighed[most_ahead] - behind <= bound, "{weighed:?}");
            }
        }
    }

    /// Whatever happens: the counts are right, nothing is lost or served twice,
    /// and what waits is served when it is let.
    #[test]
    fn nothing_is_lost_and_everything_ends(steps in steps()) {
        let shares = shares(&[100, 1, 1_000, 50, 100, 200]);
        let mut queue = FairQueue::new(Lane::Fast, 32);
        let (mut waiting, mut next) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Push(tenant) => {
                    match queue.push(&shares[tenant], (tenant, next)) {
                        Ok(ticket) => waiting.push((ticket, next)),
                        Err((_, given_back)) => prop_assert_eq!(given_back, (tenant, next)),
                    }
                    next += 1;
                }
                Step::Turn(micros, again) => {
                    let popped = queue.pop();
                    prop_assert_eq!(popped.is_some(), !waiting.is_empty());
                    if let Some((turn, (tenant, id))) = popped {
                        let at = waiting.iter().position(|(_, waits)| *waits == id);
                        prop_assert!(at.is_some(), "{id} did not wait");
                        waiting.remove(at.unwrap());
                        let cpu = Duration::from_micros(micros);
                        shares[tenant].charge(Lane::Fast, cpu);
                        if again {
                            waiting.push((queue.put_back(turn, cpu, (tenant, id)), id));
                        } else {
                            queue.settle(turn, cpu);
                        }
                    }
                }
                Step::Remove(at) if !waiting.is_empty() => {
                    let (ticket, id) = waiting.swap_remove(at % waiting.len());
                    prop_assert_eq!(queue.remove(ticket).map(|(_, id)| id), Some(id));
                }
                Step::Remove(_) => {}
                Step::Elsewhere(tenant, micros) => shares[tenant].charge(Lane::Fast, Duration::from_micros(micros)),
            }
            prop_assert_eq!(queue.len(), waiting.len());
        }
        let mut left = 0;
        while let Some((turn, _)) = queue.pop() {
            queue.settle(turn, SLICE);
            left += 1;
        }
        prop_assert_eq!(left, waiting.len());
        prop_assert!(queue.flows.is_empty() && queue.debtors.is_empty() && queue.ready.is_empty());
    }

    /// However heavy the others are and however much it used: who waits is served
    /// before the others have used up what it may be put off by.
    #[test]
    fn nobody_starves(used_micros in 0_u64..60_000_000, weight in 1_u32..=1_000, others in 1_usize..8) {
        let shares: Vec<_> = std::iter::once(share(weight)).chain((0..others).map(|_| share(1_000))).collect();
        let mut queue = queue();
        (0..=others).for_each(|tenant| { queue.push(&shares[tenant], tenant).unwrap(); });
        shares[0].charge(Lane::Fast, Duration::from_micros(used_micros));
        let mut before = Duration::ZERO;
        loop {
            let (turn, tenant) = queue.pop().unwrap();
            if tenant == 0 {
                break;
            }
            shares[tenant].charge(Lane::Fast, SLICE);
            before += SLICE;
            queue.put_back(turn, SLICE, tenant);
            // Ten times the weight: ten times the bound for each of them.
            let bound = (Duration::from_nanos(ELSEWHERE_NANOS_MAX) * 10 + SLICE) * others as u32;
            prop_assert!(before <= bound, "starved for {before:?}");
        }
    }
}
