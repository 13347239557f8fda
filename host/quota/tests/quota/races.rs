//! Threads that ask for one tenant at once.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use extensions_types::{EffectiveQuota, QuotaLimits};

use crate::kit::{Desk, NONE, millis, of_tenant, secs};

const THREADS: usize = 4;
const ROUNDS: u32 = 20_000;

#[test]
fn never_more_are_under_way_than_may_be() {
    let desk = Desk::new();
    let (calls, memory) = (AtomicU32::new(0), AtomicU32::new(0));
    let limits = EffectiveQuota {
        tenant: QuotaLimits { concurrency: Some(3), memory_mb: Some(10), ..NONE },
        extension: QuotaLimits { concurrency: Some(2), ..NONE },
    };
    let admitted = AtomicU32::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS as u32 {
            let (desk, calls, memory, admitted) = (&desk, &calls, &memory, &admitted);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let needs = 1 + (round + thread) % 6;
                    let Ok(permit) = desk.ask(["x", "y"][round as usize % 2], limits, needs.into(), secs(0)) else { continue };
                    admitted.fetch_add(1, SeqCst);
                    assert!(calls.fetch_add(1, SeqCst) < 3);
                    assert!(memory.fetch_add(needs, SeqCst) + needs <= 10);
                    memory.fetch_sub(needs, SeqCst);
                    calls.fetch_sub(1, SeqCst);
                    drop(permit);
                }
            });
        }
    });
    assert!(admitted.load(SeqCst) > ROUNDS);
    for extension in ["x", "y"] {
        let usage = desk.usage(extension);
        let of_extension = usage.extension.unwrap();
        assert_eq!((usage.tenant.concurrency, usage.tenant.memory_mb), (0, 0));
        assert_eq!((of_extension.concurrency, of_extension.memory_mb), (0, 0));
    }
}

#[test]
fn a_burst_is_let_in_to_the_last_call_and_no_further() {
    let desk = Desk::new();
    let limits = EffectiveQuota {
        tenant: QuotaLimits { rate_per_s: Some(1_000), burst: Some(5_000), ..NONE },
        extension: QuotaLimits { rate_per_s: Some(900), burst: Some(4_000), ..NONE },
    };
    let mut before = 0;
    // At 0 s a whole burst, then what a second fills.
    for (second, expected) in [(0, 5_000), (1, 1_000), (2, 1_000)] {
        let admitted = AtomicU32::new(before);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (desk, admitted) = (&desk, &admitted);
                scope.spawn(move || {
                    for round in 0..5_000 {
                        if desk.ask(["x", "y"][(round + thread) % 2], limits, 1, secs(second)).is_ok() {
                            admitted.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.load(SeqCst) - before, expected, "at {second} s");
        before = admitted.load(SeqCst);
    }
}

/// Limits go up and down under the calls: never more than the higher one's.
#[test]
fn changes_under_way_give_nothing_away() {
    let desk = Desk::new();
    let of = |rate, concurrency| of_tenant(QuotaLimits { rate_per_s: Some(rate), concurrency: Some(concurrency), ..NONE });
    let (clock_ms, admitted, calls) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (desk, clock_ms, admitted, calls) = (&desk, &clock_ms, &admitted, &calls);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let limits = if (round / 7) % 2 == 0 { of(1_000, 4) } else { of(500, 2) };
                    let now = if thread == 0 && round % 20 == 0 { clock_ms.fetch_add(1, SeqCst) + 1 } else { clock_ms.load(SeqCst) };
                    if let Ok(permit) = desk.ask("x", limits, 1, millis(now)) {
                        assert!(calls.fetch_add(1, SeqCst) < 4);
                        admitted.fetch_add(1, SeqCst);
                        calls.fetch_sub(1, SeqCst);
                        drop(permit);
                    }
                }
            });
        }
    });
    let most = 1_000 + clock_ms.load(SeqCst);
    assert!(admitted.load(SeqCst) <= most, "{} of {most}", admitted.load(SeqCst));
    assert_eq!(desk.usage("x").tenant.concurrency, 0);
}

/// Records are put away under the calls that ask for them: no call is counted in two.
#[test]
fn records_that_come_and_go_lose_no_count() {
    let desk = Desk::new();
    let limits = EffectiveQuota {
        tenant: QuotaLimits { concurrency: Some(2), rate_per_s: Some(7), ..NONE },
        extension: QuotaLimits { concurrency: Some(1), ..NONE },
    };
    let (calls, admitted) = (AtomicU32::new(0), AtomicU32::new(0));
    let meeting = Barrier::new(THREADS + 1);
    const PAUSES: u64 = 2_000;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (desk, calls, admitted, meeting) = (&desk, &calls, &admitted, &meeting);
            scope.spawn(move || {
                for pause in 1..=PAUSES {
                    meeting.wait();
                    for _ in 0..6 {
                        if let Ok(permit) = desk.ask("x", limits, 1, secs(pause * 100)) {
                            assert_eq!(calls.fetch_add(1, SeqCst), 0, "one of the extension at a time");
                            admitted.fetch_add(1, SeqCst);
                            calls.fetch_sub(1, SeqCst);
                            drop(permit);
                        }
                    }
                    meeting.wait();
                }
            });
        }
        for pause in 1..=PAUSES {
            meeting.wait();
            desk.quotas.sweep(desk.at(secs(pause * 100)));
            desk.quotas.sweep(desk.at(secs(pause * 100)));
            meeting.wait();
            assert!(admitted.swap(0, SeqCst) <= 7, "after pause {pause}");
        }
    });
    desk.quotas.sweep(desk.at(secs(PAUSES * 100 + 100)));
    assert_eq!(desk.quotas.counts().tenants, 0);
}
