//! Gates: what was looked up once stays true for as long as it is passed.

use std::sync::Arc;

use extensions_fair::Payer as _;
use extensions_quota::{Asked, FleetScope, Fraction, Gate, Limited, NoPass};
use extensions_types::{EffectiveQuota, Environment, QuotaLimits, Weight};

use super::kit::*;

fn gate(desk: &Desk, limits: EffectiveQuota) -> Arc<Gate> {
    let (tenant, extension) = (tenant_id("acme"), extension_id("x"));
    let asked = Asked { env: ENV, tenant: &tenant, extension: &extension, limits, weight: Weight::DEFAULT, memory_bytes: MB, now: desk.began };
    Arc::new(desk.quotas.gate(&asked, 7))
}

fn passes(desk: &Desk, gate: &Arc<Gate>, after: u64) -> usize {
    (0..1_000).take_while(|_| desk.quotas.pass(gate, desk.at(secs(after))).is_ok()).count()
}

#[test]
fn a_gate_and_who_has_none_share_one_quota() {
    let desk = Desk::new();
    let limits = EffectiveQuota { tenant: QuotaLimits { concurrency: Some(2), ..NONE }, extension: QuotaLimits { concurrency: Some(1), ..NONE } };
    let gate = gate(&desk, limits);
    let held = desk.quotas.pass(&gate, desk.began).unwrap();
    assert_eq!(quota(desk.ask("x", limits, 1, secs(0))), Limited::Concurrency);
    assert!(desk.ask("y", limits, 1, secs(0)).is_ok(), "the tenant has room for one more");
    drop(held);
    assert!(desk.ask("x", limits, 1, secs(0)).is_ok());
    assert!(gate.is_under(ENV, 7) && !gate.is_under(ENV, 8) && !gate.is_under(Environment::Dev, 7));
}

#[test]
fn a_part_that_is_heard_later_counts_at_every_gate() {
    let desk = Desk::new();
    let gate = gate(&desk, of_tenant(QuotaLimits { rate_per_s: Some(100), ..NONE }));
    assert_eq!(passes(&desk, &gate, 0), 100);
    let acme = FleetScope { tenant: tenant_id("acme"), extension: None };
    desk.quotas.set_share(ENV, &acme, Some(Fraction::of_parts(200_000)));
    assert_eq!(passes(&desk, &gate, 100), 20);
}

#[test]
fn a_gate_to_a_record_that_was_put_away_or_is_anothers_is_stale() {
    let (desk, other) = (Desk::new(), Desk::new());
    let limits = of_tenant(QuotaLimits { concurrency: Some(1), ..NONE });
    let gate = gate(&desk, limits);
    assert!(matches!(other.quotas.pass(&gate, other.began), Err(NoPass::Stale)), "another host counts for itself");
    let held = desk.quotas.pass(&gate, desk.began).unwrap();
    desk.quotas.sweep(desk.at(secs(100)));
    assert!(matches!(desk.quotas.pass(&gate, desk.at(secs(100))), Err(NoPass::Over(_))), "its call is under way");
    drop(held);
    desk.quotas.sweep(desk.at(secs(200)));
    assert!(matches!(desk.quotas.pass(&gate, desk.at(secs(200))), Err(NoPass::Stale)));
    assert!(desk.ask("x", limits, 1, secs(200)).is_ok());
}

#[test]
fn what_is_made_ready_ahead_costs_cpu_time_and_no_place() {
    let desk = Desk::new();
    let limits = of_tenant(QuotaLimits { concurrency: Some(1), cpu_ms_per_s: Some(100), ..NONE });
    let ahead = desk.ask("x", limits, 1, secs(0)).unwrap().ahead().unwrap();
    let call = desk.ask("x", limits, 1, secs(0)).unwrap();
    assert!(Arc::ptr_eq(ahead.share(), call.share()));
    drop(call);
    ahead.charge(millis(200));
    assert_eq!(quota(desk.ask("x", limits, 1, secs(0))), Limited::Cpu);
}
