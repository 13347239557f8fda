//! What guests log is bounded, whole, and their own tenant's.

use extensions_client::Invoke;
use extensions_test_support::Request;
use extensions_types::{Kind, TenantId};
use serde_json::Value;

use crate::support::{Scene, attack, failed, hook};

pub(crate) async fn read(scene: &Scene, tenant: &TenantId, id: &str) -> Vec<Value> {
    let path = format!("/v1/extensions/{id}:logs");
    let reply = Request::get(path).token(&scene.platform.token(tenant)).send(&scene.platform.tcp()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn lines_are_whole_or_dropped() {
    let scene = Scene::new().await;
    let body = "(drop (memory.grow (i32.const 2)))
        (memory.fill (i32.const 65536) (i32.const 120) (i32.const 131072))
        (call $log (call $first)) (call $log (i32.const 65536) (i32.const 65537)) (call $log (call $last))
        (call $ok (call $answer))";
    let guest = hook(body).text("first", "first").text("last", "last \u{e9}").text("answer", "{}");
    scene.serve("talks", Kind::ProcessHook, "", guest.component()).await;
    scene.invoke("talks").await.unwrap();
    let lines = read(&scene, &scene.hostile, "talks").await;
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages[..2], ["first", "last é"]);
    assert!(messages[2].starts_with("1 more line"), "{messages:?}");
}

#[tokio::test]
async fn a_tail_is_its_tenants_alone() {
    let scene = Scene::new().await;
    let guest = hook("(call $log (call $line)) (call $ok (call $answer))").text("line", "secret of hostile").text("answer", "{}").component();
    for tenant in [&scene.hostile, &scene.neighbour] {
        scene.platform.serve(tenant, "talks", Kind::ProcessHook, "", guest.clone());
    }
    scene.client.invoke(Invoke::new("talks")).await.unwrap();
    assert_eq!(read(&scene, &scene.hostile, "talks").await.len(), 1);
    assert_eq!(read(&scene, &scene.neighbour, "talks").await, [] as [Value; 0]);
}

/// More than the host copies at once: the guest ends, and its text says what may have been too large.
#[tokio::test]
async fn a_line_beyond_every_bound_ends_its_guest() {
    let scene = Scene::new().await;
    let body = "(drop (memory.grow (i32.const 40))) (memory.fill (i32.const 65536) (i32.const 120) (i32.const 2097152))
        (call $log (i32.const 65536) (i32.const 2097152)) (call $ok (call $answer))";
    scene.withstands(vec![attack("one long line", &hook(body).text("answer", "{}"), "OUTPUT_LIMIT")]).await;
    assert!(failed(scene.invoke("one-long-line").await).message.contains("a log line"));
}
