//! Guests that take too long: the caller's deadline, a caller that leaves. Their own limits are in tests/hostile.

use std::time::Duration;

use extensions_client::Invoke;
use extensions_test_support::{Guest, Request, until};
use extensions_types::{ErrorCode, Kind};

use crate::support::{Scene, hook, is};

/// Neither ends a test's call.
const LONG: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";

const SPIN: &str = "(loop $again (br $again)) (unreachable)";

fn spinner() -> Guest {
    hook(SPIN)
}

#[tokio::test]
async fn the_callers_deadline_is_shorter() {
    let scene = Scene::new().await;
    scene.serve("spins", Kind::ProcessHook, LONG, spinner().component()).await;
    let path = "/v1/extensions/spins:invoke?timeout_ms=40";
    let reply = Request::new("POST", path).token(&scene.platform.token(&scene.hostile)).body("{}").send(&scene.platform.tcp()).await;
    assert_eq!((reply.status, reply.error_code().as_str()), (504, "DEADLINE"));
    let call = scene.client.invoke(Invoke::new("spins").timeout(Duration::from_millis(40))).await;
    assert!(is(&call, ErrorCode::Deadline), "{call:?}");
    until(|| scene.platform.engine().slow_calls() == 0).await;
    // The second begins in the slow lane; on a busy machine not before its time is over, and then it is a refusal.
    let ran = scene.platform.ended(Kind::ProcessHook, "DEADLINE").await;
    let metrics = scene.platform.metrics().await;
    let refused = metrics.lines().find_map(|line| line.strip_prefix("extensions_refusals_total{code=\"DEADLINE\"} "));
    let refused: u64 = refused.map_or(0, |count| count.parse().unwrap());
    assert_eq!(ran + refused, 2);
    assert!(ran >= 1, "the first has a thread of its own");
    scene.others_are_unharmed("a deadline").await;
}

#[tokio::test]
async fn a_caller_that_leaves_stops_its_guest() {
    let scene = Scene::new().await;
    scene.serve("spins", Kind::ProcessHook, LONG, spinner().component()).await;
    let over_http = Request::new("POST", "/v1/extensions/spins:invoke").token(&scene.platform.token(&scene.hostile)).body("{}");
    let tcp = scene.platform.tcp();
    let left = [scene.calling("spins").await.abort_handle(), tokio::spawn(async move { over_http.send(&tcp).await }).abort_handle()];
    until(|| scene.platform.engine().slow_calls() == 2).await;
    left.iter().for_each(tokio::task::AbortHandle::abort);
    until(|| scene.platform.engine().slow_calls() == 0).await;
    assert_eq!(scene.platform.ended(Kind::ProcessHook, "DEADLINE").await, 2, "each was stopped before its own limit");
    scene.others_are_unharmed("callers that left").await;
}

#[tokio::test]
async fn a_deadline_reaches_the_guest() {
    let scene = Scene::new().await;
    // The last field of the record, at 80.
    let guest = hook("(call $current (i32.const 2048)) (call $ok (call $number (i64.load32_u (i32.const 2128))))");
    scene.serve("clock", Kind::ProcessHook, LONG, guest.component()).await;
    let left = |answer: &[u8]| serde_json::from_slice::<serde_json::Value>(answer).unwrap()["n"].as_u64().unwrap();
    let own = scene.invoke("clock").await.unwrap();
    assert!((15_000..=30_000).contains(&left(&own.output)), "{own:?}");
    let callers = scene.client.invoke(Invoke::new("clock").timeout(Duration::from_secs(10))).await.unwrap();
    assert!((1..=10_000).contains(&left(&callers.output)), "{callers:?}");
}
