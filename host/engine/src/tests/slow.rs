//! The slow lane, and who begins there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use extensions_types::ErrorCode;

use super::stage::{PATIENCE, SPINS, Stage, Tenant, assert_fair, code, counts, polled, serve, until};
use crate::{Dropped, Engine, Lane, Settings};

const MS: Duration = Duration::from_millis(1);
const LIMITS: &str = "cpu_millis = 1000\ntimeout_ms = 30000";
/// Some milliseconds.
const LONG: u32 = 4_000_000;

#[tokio::test]
async fn tenants_share_the_lane_by_weight_whatever_their_guests_are() {
    let stage = Stage::with(Settings { slow_calls_max: 64, ..Settings::default() });
    let weights = [100, 100, 200, 50];
    let guests = [LONG, 5 * LONG, LONG / 2, LONG].map(|rounds| stage.extension(&counts(rounds), LIMITS));
    let callers: Vec<_> = weights.iter().zip(guests).map(|(weight, guest)| (Tenant::weighing(*weight), guest)).collect();
    serve(&stage, &callers, 4, 600 * MS).await;
    assert_fair(&callers.iter().zip(weights).map(|((tenant, _), weight)| (tenant.share.used_in(Lane::Slow), weight)).collect::<Vec<_>>());
    assert_eq!(stage.engine.slow_calls(), 0);
}

/// A new name for each call is no way around the history: it is the tenant's.
#[tokio::test]
async fn a_thousand_extensions_that_spin_once_each_take_the_fast_lane_by_surprise_once() {
    let stage = Stage::new();
    let (tenant, start) = (Tenant::new(), Instant::now());
    for extension in stage.extensions(1_000, SPINS, "cpu_millis = 1\ntimeout_ms = 30000") {
        assert_eq!(tenant.invoke(&stage, &extension).await, Err(ErrorCode::CpuLimit));
    }
    let figures = stage.engine.figures();
    // One now, and again when one has been forgotten: after 1 s, 2 s, 4 s …
    let surprises_max = start.elapsed().as_secs() + 1;
    assert!((1..=surprises_max).contains(&figures.surprises), "{figures:?}");
    let fast = tenant.share.used_in(Lane::Fast);
    assert!(fast <= 10 * MS * u32::try_from(surprises_max).unwrap(), "{fast:?} on an I/O thread");
    assert!(figures.slow_begun >= 1_000 - 5 * surprises_max, "{figures:?}");
}

#[tokio::test]
async fn an_extension_that_runs_long_begins_there_and_a_quick_one_stays() {
    let stage = Stage::new();
    let tenants = Tenant::many(2);
    let [long, other] = [(); 2].map(|()| stage.extension(&counts(LONG), LIMITS));
    let quick = stage.extension(&counts(10), LIMITS);
    for extension in [&long, &long, &long, &other] {
        tenants[0].invoke(&stage, extension).await.unwrap();
    }
    let begun = stage.engine.figures().slow_begun;
    assert!(begun >= 1, "{begun}");
    // Another extension of its tenant, of which two ran long, follows; that of another tenant does not.
    tenants[0].invoke(&stage, &quick).await.unwrap();
    tenants[1].invoke(&stage, &quick).await.unwrap();
    assert_eq!(stage.engine.figures().slow_begun, begun + 1);
}

/// One bulk instruction is one slice, however long it is.
#[tokio::test]
async fn a_call_of_one_long_slice_is_long() {
    let stage = Stage::new();
    let (tenant, other) = (Tenant::new(), stage.extension(&counts(10), LIMITS));
    let fills = "(drop (memory.grow (i32.const 900))) (memory.fill (i32.const 65536) (i32.const 7) (i32.const 58982400))";
    let [bulk, another, third] = [(); 3].map(|()| stage.extension(fills, LIMITS));
    crate::looked_at_io();
    tenant.invoke(&stage, &bulk).await.unwrap();
    assert_eq!(stage.engine.figures().surprises, 0, "one of a tenant's may be the machine's doing");
    tenant.invoke(&stage, &bulk).await.unwrap();
    assert_eq!(stage.engine.figures().slow_begun, 1, "the extension's is known");
    crate::looked_at_io();
    tenant.invoke(&stage, &another).await.unwrap();
    assert_eq!(stage.engine.figures().surprises, 0, "two may be as well");
    crate::looked_at_io();
    tenant.invoke(&stage, &third).await.unwrap();
    assert_eq!(stage.engine.figures().surprises, 1);
    tenant.invoke(&stage, &other).await.unwrap();
    assert_eq!(stage.engine.figures().slow_begun, 2);
}

#[tokio::test]
async fn a_flood_takes_half_of_the_lane_and_a_newcomer_gets_in() {
    let stage = Stage::with(Settings { slow_calls_max: 8, ..Settings::default() });
    let (flood, other) = (Tenant::new(), Tenant::new());
    let (spins, works) = (stage.extension(SPINS, LIMITS), stage.extension(&counts(LONG), LIMITS));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (stage, flood, spins) = (Arc::clone(&stage), Arc::clone(&flood), Arc::clone(&spins));
        calls.spawn(async move { flood.invoke(&stage, &spins).await });
    }
    for _ in 0..16 {
        assert_eq!(calls.join_next().await.unwrap().unwrap(), Err(ErrorCode::Overloaded));
    }
    assert_eq!(stage.engine.slow_calls(), 4);
    assert_eq!(stage.engine.figures().dropped(Lane::Slow, Dropped::TenantFull), 16);
    other.invoke(&stage, &works).await.unwrap();
    assert!(calls.try_join_next().is_none(), "a second of CPU time each is longer");
    calls.shutdown().await;
    until(|| stage.engine.slow_calls() == 0).await;
}

/// Memory bounds those that have begun; the others wait and are not refused.
#[tokio::test]
async fn calls_wait_for_memory_in_the_lane() {
    let stage = Stage::with(Settings { slow_calls_max: 32, slow_memory_bytes_max: 128 << 20, ..Settings::default() });
    let (tenant, long) = (Tenant::new(), stage.extension(&counts(LONG), LIMITS));
    let calls: Vec<_> = (0..12).map(|_| stage.engine.hand_over(&long, tenant.call(None)).unwrap()).collect();
    for call in calls {
        assert!(stage.engine.instances() <= 1, "64 MiB each, and a tenant takes no more than it leaves free");
        assert_eq!(code(call.await.unwrap()), Ok(()));
    }
    assert_eq!((stage.engine.slow_calls(), tenant.ended().len()), (0, 12));
    let greedy = stage.extension(&counts(LONG), "memory_mb = 129\ntimeout_ms = 30000");
    let refused = stage.engine.hand_over(&greedy, tenant.call(None)).unwrap_err();
    assert_eq!(code(*refused), Err(ErrorCode::Overloaded), "it never could");
}

#[tokio::test]
async fn what_cannot_end_in_time_never_begins() {
    let stage = Stage::new();
    let (tenant, long) = (Tenant::new(), stage.extension(&counts(10 * LONG), LIMITS));
    for _ in 0..3 {
        tenant.invoke(&stage, &long).await.unwrap();
    }
    let (_, needs) = tenant.ended().into_iter().min_by_key(|(_, cpu)| *cpu).unwrap();
    let deadline = Instant::now() + needs / 2;
    assert_eq!(code(stage.engine.invoke(&long, tenant.call(Some(deadline))).await), Err(ErrorCode::Deadline));
    until(|| tenant.ended().len() == 4).await;
    let last = *tenant.ended().last().unwrap();
    assert_eq!(last, (Some(ErrorCode::Deadline), Duration::ZERO));
    let figures = stage.engine.figures();
    assert_eq!(figures.dropped(Lane::Slow, Dropped::TooLate) + figures.dropped(Lane::Slow, Dropped::Deadline), 1);
}

#[tokio::test]
async fn calls_of_callers_who_left_give_up_their_places() {
    let stage = Stage::with(Settings { slow_calls_max: 16, ..Settings::default() });
    let (tenant, spins) = (Tenant::new(), stage.extension(SPINS, LIMITS));
    let mut calls: Vec<_> = (0..8).map(|_| Box::pin(tenant.invoke(&stage, &spins))).collect();
    for call in &mut calls {
        crate::looked_at_io();
        assert!(polled(call.as_mut()).is_pending());
    }
    assert_eq!(stage.engine.slow_calls(), 8);
    drop(calls);
    until(|| stage.engine.slow_calls() == 0).await;
    until(|| tenant.ended().len() == 8).await;
    assert!(tenant.ended().iter().all(|(code, _)| *code == Some(ErrorCode::Deadline)), "{:?}", tenant.ended());
    assert!(tenant.share.used() < 1_000 * MS, "they did not run to their limits: {:?}", tenant.share.used());
    // What ending them took is the lane's time, too: its minimum share is measured by it.
    let lanes = || stage.engine.figures().slow_idle_cpu + stage.engine.figures().slow_minimum_cpu;
    until(|| lanes() >= tenant.share.used_in(Lane::Slow)).await;
}

/// With normal threads on every core, the idle ones get next to nothing.
#[test]
fn the_lane_keeps_its_minimum_share() {
    let stage = Stage::new();
    let (tenant, long) = (Tenant::new(), stage.extension(&counts(LONG), LIMITS));
    let stop = AtomicBool::new(false);
    let since = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().unwrap().get() {
            // Not for ever where the calls fail.
            scope.spawn(|| {
                while !stop.load(Relaxed) && since.elapsed() < PATIENCE {
                    std::hint::spin_loop()
                }
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(&stage, &[(Arc::clone(&tenant), long)], 6, 100 * MS));
        stop.store(true, Relaxed);
    });
    let figures = stage.engine.figures();
    assert!(figures.slow_minimum_cpu > Duration::ZERO, "{figures:?}");
}

#[tokio::test]
async fn a_lane_that_closes_ends_its_calls_by_name() {
    let engine = Engine::start(Settings { slow_calls_max: 16, ..Settings::default() }).unwrap();
    let stage = Stage::new();
    let (tenant, spins) = (Tenant::new(), stage.extension(SPINS, LIMITS));
    let calls: Vec<_> = (0..6).map(|_| engine.hand_over(&spins, tenant.call(None)).unwrap()).collect();
    drop(engine);
    for call in calls {
        assert_eq!(code(call.await.unwrap()), Err(ErrorCode::Unavailable));
    }
    assert_eq!(tenant.ended().len(), 6);
}

#[tokio::test]
async fn a_spinner_ends_within_two_ticks_of_its_limit() {
    let stage = Stage::new();
    let (tenant, spins) = (Tenant::new(), stage.extension(SPINS, "cpu_millis = 5\ntimeout_ms = 30000"));
    for _ in 0..20 {
        assert_eq!(tenant.invoke(&stage, &spins).await, Err(ErrorCode::CpuLimit));
    }
    let mut over: Vec<Duration> = tenant.ended().iter().map(|(_, cpu)| cpu.saturating_sub(5 * MS)).collect();
    over.sort();
    // The median, and not tight: a tick may come late on a crowded machine.
    assert!(over[10] <= 10 * MS, "{over:?}");
}
