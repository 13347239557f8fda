//! How many records are held, and for how long.

use extensions_fair::Payer as _;
use extensions_types::{EffectiveQuota, QuotaLimits};

use crate::kit::{Desk, ENV, NONE, millis, of_tenant, secs, tenant_id};

#[test]
fn idle_records_go_and_busy_ones_stay() {
    let desk = Desk::new();
    let limits = EffectiveQuota { tenant: NONE, extension: QuotaLimits { concurrency: Some(5), ..NONE } };
    let busy = desk.ask_for("busy", "x", limits, 1, secs(0)).unwrap();
    for tenant in 0..1_000 {
        drop(desk.ask_for(&format!("t{tenant}"), "x", limits, 1, secs(0)).unwrap());
    }
    let held = |after| {
        desk.quotas.sweep(desk.at(after));
        let counts = desk.quotas.counts();
        (counts.tenants, counts.extensions)
    };
    assert_eq!(held(secs(30)), (1_001, 1_001));
    assert_eq!(held(secs(100)), (1, 1), "the one with a call under way");
    drop(busy);
    assert_eq!(held(secs(200)), (0, 0));
    assert!(desk.ask_for("t1", "x", limits, 1, secs(300)).is_ok());
}

#[test]
fn a_record_with_a_debt_or_a_holder_of_its_share_stays() {
    let desk = Desk::new();
    let limits = of_tenant(QuotaLimits { cpu_ms_per_s: Some(1), ..NONE });
    desk.ask("x", limits, 1, secs(0)).unwrap().charge(millis(500));
    desk.quotas.sweep(desk.at(secs(100)));
    assert!(desk.ask("x", limits, 1, secs(100)).is_err(), "500 s of debt are not forgotten");
    desk.quotas.sweep(desk.at(secs(200)));
    assert!(desk.ask("x", limits, 1, secs(200)).is_err());
    let share = desk.quotas.share_of(ENV, &tenant_id("acme")).unwrap();
    desk.quotas.sweep(desk.at(secs(2_000)));
    assert_eq!(desk.quotas.counts().tenants, 1);
    drop(share);
    desk.quotas.sweep(desk.at(secs(2_000)));
    assert_eq!(desk.quotas.counts().tenants, 0);
}

#[test]
fn a_tenants_calls_have_one_share_and_its_weight_follows() {
    let desk = Desk::new();
    let (one, two) = (desk.ask("x", of_tenant(NONE), 1, secs(0)).unwrap(), desk.ask("y", of_tenant(NONE), 1, secs(0)).unwrap());
    assert!(std::sync::Arc::ptr_eq(one.share(), two.share()));
    let other = desk.ask_for("other", "x", of_tenant(NONE), 1, secs(0)).unwrap();
    assert!(!std::sync::Arc::ptr_eq(one.share(), other.share()));
}
