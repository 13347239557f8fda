//! The queue of an I/O thread: a test's own runtime is one.

use std::{
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use extensions_types::ErrorCode;

use super::stage::{Stage, Tenant, assert_fair, code, counts, polled, serve};
use crate::{Dropped, Lane, budget::SLICE, fast_lane};

/// The thread's guests have had their time: what comes now waits.
fn be_busy() {
    fast_lane::used(SLICE);
}

const LIMITS: &str = "timeout_ms = 30000";

#[tokio::test]
async fn a_call_begins_at_once_while_there_is_time() {
    let stage = Stage::new();
    let (tenant, quick) = (Tenant::new(), stage.extension(&counts(10), LIMITS));
    fast_lane::looked_at_io();
    let mut call = pin!(tenant.invoke(&stage, &quick));
    assert_eq!(polled(call.as_mut()), Poll::Ready(Ok(())));
    be_busy();
    let mut call = pin!(tenant.invoke(&stage, &quick));
    assert!(polled(call.as_mut()).is_pending());
    assert_eq!(stage.engine.figures().fast_waiting, 1);
    // What comes later does not overtake it, also when there is time again.
    fast_lane::looked_at_io();
    let mut later = pin!(tenant.invoke(&stage, &quick));
    assert!(polled(later.as_mut()).is_pending());
    assert_eq!((call.await, later.await), (Ok(()), Ok(())));
    let figures = stage.engine.figures();
    assert_eq!((figures.fast_waiting, figures.fast_waited), (0, 2));
}

/// Elsewhere nothing is held up by a guest, and nothing waits.
#[test]
fn nothing_waits_off_the_io_threads() {
    let stage = Stage::new();
    let (tenant, quick) = (Tenant::new(), stage.extension(&counts(10), LIMITS));
    be_busy();
    let mut call = pin!(tenant.invoke(&stage, &quick));
    assert_eq!(polled(call.as_mut()), Poll::Ready(Ok(())));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        be_busy();
        tenant.invoke(&stage, &quick).await.unwrap();
    });
    assert_eq!(stage.engine.figures().fast_waited, 0);
}

#[tokio::test]
async fn tenants_of_unequal_guests_get_equal_time() {
    let stage = Stage::new();
    for number in [2, 10, 100] {
        let tenants = Tenant::many(number);
        let guests: Vec<_> = [20_000, 40_000, 80_000, 120_000].map(|rounds| stage.extension(&counts(rounds), LIMITS)).into();
        let callers: Vec<_> = tenants.iter().enumerate().map(|(at, tenant)| (Arc::clone(tenant), Arc::clone(&guests[at % 4]))).collect();
        serve(&stage, &callers, 8, Duration::from_millis(10 * number as u64).max(Duration::from_millis(100))).await;
        assert_fair(&tenants.iter().map(|tenant| (tenant.share.used_in(Lane::Fast), 100)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn tenants_get_time_by_their_weight() {
    let stage = Stage::new();
    let weights = [50, 100, 300];
    let callers: Vec<_> = weights.iter().map(|weight| (Tenant::weighing(*weight), stage.extension(&counts(150_000), LIMITS))).collect();
    serve(&stage, &callers, 16, Duration::from_millis(200)).await;
    let used: Vec<_> = callers.iter().zip(weights).map(|((tenant, _), weight)| (tenant.share.used_in(Lane::Fast), weight)).collect();
    assert_fair(&used);
}

/// A flood of guests leaves the thread to its I/O after every cycle.
#[tokio::test]
async fn io_is_looked_at_between_cycles() {
    let stage = Stage::new();
    let (tenant, guest) = (Tenant::new(), stage.extension(&counts(20_000), LIMITS));
    let callers = [(Arc::clone(&tenant), guest)];
    let watching = Arc::clone(&tenant);
    let watcher = tokio::spawn(async move {
        let (mut looks, mut longest, mut before) = (0, Duration::ZERO, watching.share.used());
        while before < Duration::from_millis(100) {
            tokio::task::yield_now().await;
            let used = watching.share.used();
            (looks, longest, before) = (looks + 1, longest.max(used - before), used);
        }
        (looks, longest)
    });
    serve(&stage, &callers, 64, Duration::from_millis(120)).await;
    let (looks, longest) = watcher.await.unwrap();
    // A cycle and its last call; a page fault may prolong one.
    assert!(looks >= 50 && longest <= 10 * SLICE, "{looks} looks, {longest:?} between two");
}

#[tokio::test]
async fn a_flood_fills_half_of_the_queue_and_others_come_in() {
    const PLACES: usize = crate::fast_lane::WAITING_MAX / 2;
    let stage = Stage::new();
    let (flood, other, quick) = (Tenant::new(), Tenant::new(), stage.extension(&counts(10), LIMITS));
    be_busy();
    let mut waiting: Vec<_> = (0..PLACES + 88).map(|_| Box::pin(flood.invoke(&stage, &quick))).collect();
    let answers: Vec<_> = waiting.iter_mut().map(|call| polled(call.as_mut())).collect();
    let refused = answers.iter().filter(|answer| **answer == Poll::Ready(Err(ErrorCode::Overloaded))).count();
    assert_eq!(refused, 88);
    assert_eq!(stage.engine.figures().dropped(Lane::Fast, Dropped::TenantFull), 88);
    let mut newcomer = pin!(other.invoke(&stage, &quick));
    assert!(polled(newcomer.as_mut()).is_pending());
    assert_eq!(newcomer.await, Ok(()));
    assert!(stage.engine.figures().fast_waiting > PLACES - 100, "the newcomer did not wait for the flood");
    drop(waiting);
    assert_eq!(stage.engine.figures().fast_waiting, 0);
}

#[tokio::test]
async fn who_leaves_is_out_of_the_queue_and_never_runs() {
    let stage = Stage::new();
    let (tenant, quick) = (Tenant::new(), stage.extension(&counts(10), LIMITS));
    be_busy();
    let mut calls: Vec<_> = (0..10).map(|_| Box::pin(tenant.invoke(&stage, &quick))).collect();
    assert!(calls.iter_mut().all(|call| polled(call.as_mut()).is_pending()));
    let stays = calls.pop().unwrap();
    drop(calls);
    let figures = stage.engine.figures();
    assert_eq!((figures.fast_waiting, figures.dropped(Lane::Fast, Dropped::CallerGone)), (1, 9));
    assert_eq!(stays.await, Ok(()));
    let left = tenant.ended().iter().filter(|ended| **ended == (Some(ErrorCode::Deadline), Duration::ZERO)).count();
    assert_eq!(left, 9, "each was seen to end, and cost nothing");
}

#[tokio::test]
async fn a_call_whose_time_is_over_never_runs() {
    let stage = Stage::new();
    let (tenant, quick) = (Tenant::new(), stage.extension(&counts(10), LIMITS));
    let late = stage.engine.invoke(&quick, tenant.call(Some(Instant::now()))).await;
    assert_eq!(code(late), Err(ErrorCode::Deadline));
    be_busy();
    let soon = Instant::now() + Duration::from_millis(1);
    let mut waits = pin!(stage.engine.invoke(&quick, tenant.call(Some(soon))));
    assert!(polled(waits.as_mut()).is_pending());
    while Instant::now() < soon {}
    assert_eq!(code(waits.await), Err(ErrorCode::Deadline));
    let never = stage.extension(&counts(10), "timeout_ms = 1");
    be_busy();
    let mut waits = pin!(tenant.invoke(&stage, &never));
    assert!(polled(waits.as_mut()).is_pending());
    let end = Instant::now() + Duration::from_millis(2);
    while Instant::now() < end {}
    assert_eq!(waits.await, Err(ErrorCode::Overloaded), "the host's want of time is not the extension's");
    assert!(tenant.ended().iter().all(|(_, cpu)| cpu.is_zero()), "{:?}", tenant.ended());
    let figures = stage.engine.figures();
    assert_eq!((figures.dropped(Lane::Fast, Dropped::Deadline), figures.dropped(Lane::Fast, Dropped::NoTurn)), (2, 1));
}

/// A runtime that ends takes its waiting calls with it; the thread goes on.
#[test]
fn a_thread_outlives_its_runtime() {
    let stage = Stage::new();
    let (tenant, quick) = (Tenant::new(), stage.extension(&counts(10), LIMITS));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async {
        be_busy();
        for _ in 0..3 {
            let (stage, tenant, quick) = (Arc::clone(&stage), Arc::clone(&tenant), Arc::clone(&quick));
            drop(tokio::spawn(async move { tenant.invoke(&stage, &quick).await }));
        }
        be_busy();
        let mut call = pin!(tenant.invoke(&stage, &quick));
        assert!(polled(call.as_mut()).is_pending());
    });
    drop(first);
    be_busy();
    assert_eq!(runtime().block_on(tenant.invoke(&stage, &quick)), Ok(()));
    assert_eq!(stage.engine.figures().fast_waiting, 0);
}
