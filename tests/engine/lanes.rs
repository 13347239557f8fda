//! Long calls leave the threads that serve: short ones go on beside them, and
//! a full lane says so.

use std::time::Duration;

use extensions_client::Invoke;
use extensions_test_support::{Start, event, until};
use extensions_types::{ErrorCode, Kind};

use crate::support::{CHILD, Scene, hook, is};

const LONG: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";
const SPIN: &str = "(loop $again (br $again)) (unreachable)";
/// Some milliseconds of work, then an answer.
const WORKS: &str = "(local $left i64) (local.set $left (i64.const 20000000))
    (loop $again (br_if $again (i64.ne (local.tee $left (i64.sub (local.get $left) (i64.const 1))) (i64.const 0))))
    (call $ok (call $answer))";
const SHORT_CALLS: usize = 20;

#[tokio::test]
async fn short_calls_pass_a_long_one() {
    let scene = Scene::of(Start::new(CHILD).io_threads(1)).await;
    scene.serve("spins", Kind::ProcessHook, LONG, hook(SPIN).component()).await;
    let long = scene.calling("spins").await;
    until(|| scene.platform.engine().slow_calls() == 1).await;
    for _ in 0..SHORT_CALLS {
        scene.others_are_unharmed("the start of a long call").await;
    }
    assert!(!long.is_finished(), "a second of CPU time is longer than {SHORT_CALLS} short calls");
    long.abort();
    until(|| scene.platform.engine().slow_calls() == 0).await;
}

#[tokio::test]
async fn a_tenant_that_fills_half_of_the_lane_is_refused_at_once_and_others_get_in() {
    let scene = Scene::of(Start::new(CHILD).slow_calls_max(4)).await;
    scene.serve("spins", Kind::ProcessHook, LONG, hook(SPIN).component()).await;
    let long = [scene.calling("spins").await, scene.calling("spins").await];
    until(|| scene.platform.engine().slow_calls() == 2).await;
    let hasty = extensions_client::Client::builder().token(scene.platform.token(&scene.hostile)).retries(0).connect(&scene.platform.tcp()).unwrap();
    let third = hasty.invoke(Invoke::new("spins")).await;
    assert!(is(&third, ErrorCode::Overloaded), "{third:?}");
    let Err(extensions_client::InvokeError::Refused(refused)) = third else { panic!("{third:?}") };
    assert!(refused.retry_after.is_some_and(|after| after > Duration::ZERO));
    // Its own short calls wait with the long ones, since it lately had such; its neighbour's do not.
    let neighbours = scene.platform.client(&scene.neighbour).invoke(Invoke::new("good")).await;
    assert_eq!(neighbours.unwrap().output, "{\"good\":true}");
    let works = hook(WORKS).text("answer", "{\"done\":1}").component();
    let served = scene.platform.serve(&scene.neighbour, "works", Kind::ProcessHook, LONG, works);
    scene.platform.load(&served).await.unwrap();
    let newcomer = scene.platform.client(&scene.neighbour).invoke(Invoke::new("works")).await;
    assert_eq!(newcomer.unwrap().output, "{\"done\":1}");
    assert!(!long.iter().any(tokio::task::JoinHandle::is_finished), "a second of CPU time each is longer");
    long.iter().for_each(tokio::task::JoinHandle::abort);
    until(|| scene.platform.engine().slow_calls() == 0).await;
}

/// A call that outlives its slices still gives its answer.
#[tokio::test]
async fn a_long_call_ends_well() {
    let scene = Scene::new().await;
    scene.serve("works", Kind::ProcessHook, LONG, hook(WORKS).text("answer", "{\"done\":1}").component()).await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(scene.calling("works").await);
    }
    for call in calls {
        let answer = event(call).await.unwrap().unwrap();
        let stats = answer.stats.unwrap();
        assert_eq!(answer.output_json, "{\"done\":1}");
        assert!(stats.cpu_micros > 1_000 && stats.cpu_micros <= stats.wall_micros, "{stats:?}");
    }
}

#[tokio::test]
async fn a_short_calls_figures_are_sane() {
    let scene = Scene::new().await;
    let stats = scene.invoke("good").await.unwrap().stats.unwrap();
    assert!(!stats.cpu.is_zero() && stats.cpu <= Duration::from_millis(20), "{stats:?}");
    assert!(stats.wall >= stats.queue, "{stats:?}");
    assert_eq!((stats.host_calls, stats.memory_peak_bytes / (64 << 10)), (0, 2));
}
