//! A host's part of what a fleet may use.

use extensions_quota::{Demand, FleetScope, Fraction};
use extensions_types::{EffectiveQuota, QuotaLimits};

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use crate::kit::{Desk, ENV, NONE, extension_id, millis, of_tenant, secs, tenant_id};

fn acme() -> FleetScope {
    FleetScope { tenant: tenant_id("acme"), extension: None }
}

fn rate(rate_per_s: u32) -> EffectiveQuota {
    of_tenant(QuotaLimits { rate_per_s: Some(rate_per_s), concurrency: Some(50), ..NONE })
}

#[test]
fn a_host_that_heard_nothing_takes_its_part_of_the_configured_hosts() {
    let desk = Desk::of_hosts(4);
    assert_eq!(desk.passes(rate(100), secs(0)), 25);
    assert_eq!(desk.passes(rate(100), secs(1)), 25);
    let running: Vec<_> = (0..2).map(|_| desk.ask("x", of_tenant(QuotaLimits { concurrency: Some(2), ..NONE }), 1, secs(2)).unwrap()).collect();
    assert_eq!(running.len(), 2, "concurrency is each host's own");
}

#[test]
fn a_part_holds_until_another_is_heard_and_moving_it_gives_nothing_away() {
    let desk = Desk::new();
    assert_eq!(desk.passes(rate(100), secs(0)), 100);
    let part = |percent: u32| desk.quotas.set_share(ENV, &acme(), Some(Fraction::of_parts(percent * 10_000)));
    part(20);
    assert_eq!(desk.passes(rate(100), secs(100)), 20);
    assert_eq!(desk.passes(rate(100), secs(101)), 20, "also long after");
    part(90);
    assert_eq!(desk.passes(rate(100), secs(101)), 0);
    assert_eq!(desk.passes(rate(100), millis(101_501)), 45);
    desk.quotas.set_share(ENV, &acme(), None);
    assert_eq!(desk.passes(rate(100), secs(200)), 90, "claimed no more: what had run in, then more does");
    assert_eq!(desk.passes(rate(100), secs(201)), 100);
    desk.quotas.set_unclaimed(ENV, Fraction::of_parts(100_000));
    assert_eq!(desk.passes(rate(100), secs(300)), 10);
}

/// Whatever parts two hosts are told, as long as they are one whole at most.
#[test]
fn parts_that_move_to_and_fro_are_no_more_than_the_whole() {
    let hosts = [Desk::new(), Desk::new()];
    let mut admitted = 0;
    for step in 0..100u64 {
        let of_first = if step % 2 == 0 { 900_000 } else { 100_000 };
        for (desk, parts) in hosts.iter().zip([of_first, 1_000_000 - of_first]) {
            let _ = desk.ask("x", rate(100), 1, secs(step)).map(|_| admitted += 1);
            desk.quotas.set_share(ENV, &acme(), Some(Fraction::of_parts(parts)));
            admitted += desk.passes(rate(100), secs(step));
        }
    }
    // What the whole fills in, a burst on each host at first, and the asking ones.
    assert!(admitted <= 100 * 100 + 2 * 100, "{admitted}");
}

#[test]
fn a_part_of_less_than_a_call_lets_one_in_at_times() {
    let desk = Desk::of_hosts(10);
    let one = of_tenant(QuotaLimits { rate_per_s: Some(1), ..NONE });
    assert_eq!((0..100).map(|at| desk.passes(one, secs(at))).sum::<u32>(), 10);
    let over = desk.ask("x", one, 1, millis(91_000)).unwrap_err();
    assert!(over.retry_after.unwrap() <= secs(1), "a larger part may be heard by then");
}

#[test]
fn demand_counts_the_refused_and_only_what_is_shared() {
    let desk = Desk::new();
    let limits = EffectiveQuota { tenant: rate(2).tenant, extension: QuotaLimits { cpu_ms_per_s: Some(9), ..NONE } };
    for _ in 0..5 {
        let _ = desk.ask("x", limits, 1, secs(0));
    }
    drop(desk.ask_for("other", "x", of_tenant(QuotaLimits { concurrency: Some(1), ..NONE }), 1, secs(0)).unwrap());
    let mut demand = desk.quotas.demand();
    demand.sort_by(|one, two| one.scope.cmp(&two.scope));
    let of_x = FleetScope { extension: Some(extension_id("x")), ..acme() };
    assert_eq!(demand, [Demand { env: ENV, scope: acme(), calls: 5 }, Demand { env: ENV, scope: of_x, calls: 5 }]);
    assert!(desk.quotas.demand().is_empty());
}

#[test]
fn a_host_that_has_too_little_of_what_it_did_not_claim_says_so() {
    let desk = Desk::of_hosts(2);
    let told = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&told);
    desk.quotas.when_short(move || {
        counter.fetch_add(1, SeqCst);
    });
    assert_eq!(desk.passes(rate(10), secs(0)), 5);
    assert_eq!(told.load(SeqCst), 1);
    desk.quotas.set_share(ENV, &acme(), Some(Fraction::of_parts(500_000)));
    assert_eq!(desk.passes(rate(10), secs(0)), 0);
    assert_eq!(told.load(SeqCst), 1, "it has claimed");
}
