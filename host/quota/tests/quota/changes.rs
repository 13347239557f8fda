//! Limits at their ends, and limits that change while calls run.

use extensions_fair::Payer as _;
use extensions_quota::Limited;
use extensions_types::{EffectiveQuota, QuotaLimits};

use crate::kit::{Desk, NONE, millis, of_tenant, quota, secs};

const MAX: u32 = QuotaLimits::VALUE_MAX;

#[test]
fn a_limit_of_one_lets_one_in_at_a_time() {
    let desk = Desk::new();
    let one = of_tenant(QuotaLimits { concurrency: Some(1), ..NONE });
    let first = desk.ask("x", one, 1, secs(0)).unwrap();
    assert_eq!(quota(desk.ask("y", one, 1, secs(0))), Limited::Concurrency);
    drop(first);
    assert!(desk.ask("y", one, 1, secs(0)).is_ok());
}

#[test]
fn a_rate_of_one_is_one_a_second_and_says_when() {
    let desk = Desk::new();
    let one = of_tenant(QuotaLimits { rate_per_s: Some(1), ..NONE });
    assert_eq!(desk.passes(one, secs(0)), 1);
    let over = desk.ask("x", one, 1, millis(250)).unwrap_err();
    assert_eq!((over.quota, over.retry_after), (Limited::Rate, Some(millis(750))));
    assert_eq!(desk.passes(one, millis(999)), 0);
    assert_eq!(desk.passes(one, secs(1)), 1);
    assert_eq!(desk.passes(one, secs(10)), 1, "a burst is as large as the rate where none is set");
}

#[test]
fn the_highest_limits_are_exact_too() {
    let desk = Desk::new();
    let most = QuotaLimits {
        concurrency: Some(MAX),
        rate_per_s: Some(MAX),
        burst: Some(3),
        cpu_ms_per_s: Some(MAX),
        memory_mb: Some(MAX),
        log_kb_per_s: Some(MAX),
    };
    let most = EffectiveQuota { tenant: most, extension: most };
    assert_eq!(desk.passes(most, secs(1)), 3);
    let again = secs(1) + std::time::Duration::from_nanos(200);
    assert_eq!(desk.passes(most, again), 2, "one each 100 ns");
}

#[test]
fn memory_counts_what_is_under_way_and_one_call_can_be_too_much() {
    let desk = Desk::new();
    let limits = of_tenant(QuotaLimits { memory_mb: Some(100), ..NONE });
    let small = desk.ask("x", limits, 60, secs(0)).unwrap();
    let over = desk.ask("x", limits, 41, secs(0)).unwrap_err();
    assert_eq!(over.quota, Limited::Memory);
    assert!(over.retry_after.is_some());
    let beside = desk.ask("x", limits, 40, secs(0)).unwrap();
    drop((small, beside));
    let never = desk.ask("x", limits, 101, secs(0)).unwrap_err();
    assert_eq!((never.quota, never.retry_after), (Limited::Memory, None));
}

#[test]
fn cpu_time_is_paid_afterwards() {
    let desk = Desk::new();
    let limits = of_tenant(QuotaLimits { cpu_ms_per_s: Some(100), ..NONE });
    let call = desk.ask("x", limits, 1, secs(0)).unwrap();
    call.charge(millis(350));
    // 350 used, 100 saved before: 250 are owed, 100 a second come in, and something must be left.
    let over = desk.ask("x", limits, 1, secs(0)).unwrap_err();
    assert_eq!(over.quota, Limited::Cpu);
    let after = over.retry_after.unwrap();
    assert!(after >= millis(2_500) && after < millis(2_501), "{after:?}");
    assert_eq!(quota(desk.ask("x", limits, 1, millis(2_499))), Limited::Cpu);
    assert!(desk.ask("x", limits, 1, after).is_ok());
}

#[test]
fn a_long_call_is_paid_from_what_came_in_while_it_ran() {
    let desk = Desk::new();
    let limits = of_tenant(QuotaLimits { cpu_ms_per_s: Some(10), ..NONE });
    let call = desk.ask("x", limits, 1, secs(0)).unwrap();
    call.charge(millis(250));
    drop(call);
    assert!(desk.ask("x", limits, 1, secs(30)).is_ok());
    let saved = desk.ask("x", limits, 1, secs(3_600)).unwrap();
    saved.charge(millis(11));
    assert!(desk.ask("x", limits, 1, secs(3_600)).is_err(), "no more than a second's worth is saved up");
}

#[test]
fn limits_go_down_and_up_while_calls_run() {
    let desk = Desk::new();
    let of = |concurrency| of_tenant(QuotaLimits { concurrency, ..NONE });
    let mut running: Vec<_> = (0..10).map(|_| desk.ask("x", of(None), 1, secs(0)).unwrap()).collect();
    assert_eq!(quota(desk.ask("x", of(Some(4)), 1, secs(0))), Limited::Concurrency, "those that began before count");
    running.truncate(4);
    assert!(desk.ask("x", of(Some(4)), 1, secs(0)).is_err());
    assert!(desk.ask("x", of(Some(5)), 1, secs(0)).is_ok());
    running.truncate(3);
    assert!(desk.ask("x", of(Some(4)), 1, secs(0)).is_ok());
}

#[test]
fn a_rate_that_changes_gives_nothing_away() {
    let desk = Desk::new();
    let of = |rate| of_tenant(QuotaLimits { rate_per_s: Some(rate), ..NONE });
    assert_eq!(desk.passes(of(100), secs(0)), 100);
    assert_eq!(desk.passes(of(1_000), secs(0)), 0, "what is used up stays used up");
    assert_eq!(desk.passes(of(1_000), millis(101)), 100, "a change rounds a part of a nanosecond");
    assert_eq!(desk.passes(of(10), millis(101)), 0);
    assert_eq!(desk.passes(of(10), millis(500)), 4, "and nobody waits for a burst of before");
}

#[test]
fn a_debt_is_paid_at_the_rate_of_now() {
    let desk = Desk::new();
    let of = |cpu_ms_per_s| of_tenant(QuotaLimits { cpu_ms_per_s: Some(cpu_ms_per_s), ..NONE });
    desk.ask("x", of(1), 1, secs(0)).unwrap().charge(secs(1));
    assert!(desk.ask("x", of(1), 1, secs(0)).unwrap_err().retry_after.unwrap() > secs(900));
    let raised = desk.ask("x", of(1_000), 1, secs(0)).unwrap_err().retry_after.unwrap();
    assert!(raised < secs(3), "{raised:?}");
    assert!(desk.ask("x", of(1_000), 1, raised).is_ok());
}

#[test]
fn both_quotas_hold_at_once_and_a_refused_call_leaves_no_trace() {
    let desk = Desk::new();
    let limits = EffectiveQuota {
        tenant: QuotaLimits { concurrency: Some(2), ..NONE },
        extension: QuotaLimits { rate_per_s: Some(3), memory_mb: Some(3), ..NONE },
    };
    let running = [desk.ask("x", limits, 1, secs(0)).unwrap(), desk.ask("y", limits, 1, secs(0)).unwrap()];
    for _ in 0..100 {
        assert_eq!(quota(desk.ask("x", limits, 1, secs(0))), Limited::Concurrency);
    }
    drop(running);
    let more = [desk.ask("x", limits, 1, secs(0)).unwrap(), desk.ask("x", limits, 1, secs(0)).unwrap()];
    drop(more);
    assert_eq!(quota(desk.ask("x", limits, 1, secs(0))), Limited::Rate, "three of x were let in, no more");
    assert!(desk.ask("y", limits, 1, secs(0)).is_ok());
}

#[test]
fn log_text_is_kept_by_whole_lines() {
    let desk = Desk::new();
    let limits = EffectiveQuota { tenant: QuotaLimits { log_kb_per_s: Some(2), ..NONE }, extension: QuotaLimits { log_kb_per_s: Some(1), ..NONE } };
    let (x, y) = (desk.ask("x", limits, 1, secs(0)).unwrap(), desk.ask("y", limits, 1, secs(0)).unwrap());
    let kept = |permit: &extensions_quota::Permit, bytes, after| permit.may_log(bytes, desk.at(after));
    assert!(kept(&x, 1_000, secs(0)) && !kept(&x, 100, secs(0)) && kept(&x, 24, secs(0)));
    assert!(kept(&y, 1_000, secs(0)));
    assert!(!kept(&y, 25, secs(0)) && !kept(&x, 1, secs(0)));
    assert!(kept(&x, 1_024, secs(1)));
    assert!(kept(&y, 10_000, secs(5)), "a line beyond a second's worth, after a silence");
    assert!(!kept(&y, 1, secs(6)) && !kept(&y, 1, secs(13)) && kept(&y, 1, secs(14)));
    let counts = desk.quotas.counts();
    assert!(counts.refused.iter().any(|refused| refused.quota == Limited::Log && refused.times > 0));
}
