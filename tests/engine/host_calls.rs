//! Host calls are denied until there is a bridge: what guests make of it.

use extensions_test_support::Guest;
use extensions_types::Kind;

use crate::support::{Scene, hook};

const DECLARED: &str = "risk_tier = \"medium\"\nhost_calls = [\"orders.get\"]\n";
/// Calls `orders.get` and leaves its answer at 2048.
const CALL: &str = "(call $host_call (call $service) (call $method) (call $request) (i32.const 2048))";

fn caller(body: &str) -> Guest {
    hook(body).text("service", "orders").text("method", "get").text("request", "{}").text("answer", "{}").text("why", "no order")
}

#[tokio::test]
async fn a_guest_may_live_with_a_denial() {
    let scene = Scene::new().await;
    // result: error at 2048, call-error: denied (0) at 2052.
    let body =
        format!("{CALL} (if (i32.or (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (i32.load8_u (i32.const 2052))) (then (unreachable)))");
    scene.serve("copes", Kind::ProcessHook, DECLARED, caller(&format!("{body} (call $ok (call $answer))")).component()).await;
    let answer = scene.invoke("copes").await.unwrap();
    assert_eq!(answer.stats.unwrap().host_calls, 1);
}

#[tokio::test]
async fn calls_are_counted_and_bounded() {
    let scene = Scene::new().await;
    let body = format!(
        "(local $left i32) (local.set $left (i32.const 1000))
         (loop $again {CALL} (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (if (i32.ne (i32.load8_u (i32.const 2052)) (i32.const 1)) (then (unreachable)))
         (call $ok (call $answer))"
    );
    scene.serve("keeps-calling", Kind::ProcessHook, DECLARED, caller(&body).component()).await;
    let answer = scene.invoke("keeps-calling").await.unwrap();
    assert_eq!(answer.stats.unwrap().host_calls, 64, "after that the budget is exhausted");
}
