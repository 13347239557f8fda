//! A call has its own instance, a name its own tenant. What slots keep is looked for in tests/hostile.

use extensions_client::Invoke;
use extensions_test_support::Guest;
use extensions_types::{Kind, TenantId};
use serde_json::json;

use crate::support::{Scene, hook};

/// A counter in a global, in data and in a table always reads 1.
#[tokio::test]
async fn every_call_has_a_fresh_instance() {
    let scene = Scene::new().await;
    let body = "(global.set $calls (i64.add (global.get $calls) (i64.const 1)))
        (i64.store (i32.const 3000) (i64.add (i64.load (i32.const 3000)) (i64.const 1)))
        (drop (table.grow $t (ref.null func) (i32.const 1)))
        (call $ok (call $number (i64.add
            (i64.mul (global.get $calls) (i64.const 100))
            (i64.add (i64.mul (i64.load (i32.const 3000)) (i64.const 10)) (i64.extend_i32_u (table.size $t))))))";
    let guest = hook(body).fields("(global $calls (mut i64) (i64.const 0)) (data (i32.const 3000) \"\\00\") (table $t 0 8 funcref)");
    scene.serve("counts", Kind::ProcessHook, "", guest.component()).await;
    // The same component of another tenant may share code and image, never what was written.
    scene.platform.serve(&scene.neighbour, "counts", Kind::ProcessHook, "", guest.component());
    let neighbour = scene.platform.client(&scene.neighbour);
    for _ in 0..20 {
        assert_eq!(scene.output("counts").await, json!({"n": 111}));
        assert_eq!(neighbour.invoke(Invoke::new("counts")).await.unwrap().output, "{\"n\":111}");
    }
    let mut calls = Vec::new();
    for _ in 0..32 {
        calls.push(scene.calling("counts").await);
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().output_json, "{\"n\":111}");
    }
}

/// One name, two tenants, two extensions.
#[tokio::test]
async fn a_name_belongs_to_its_tenant() {
    let scene = Scene::new().await;
    let third = TenantId::parse("third").unwrap();
    for (tenant, answer) in [(&scene.hostile, "{\"of\":1}"), (&scene.neighbour, "{\"of\":2}")] {
        scene.platform.serve(tenant, "shared", Kind::ProcessHook, "", Guest::answering(Kind::ProcessHook, answer).component());
    }
    for (tenant, answer) in [(&scene.hostile, "{\"of\":1}"), (&scene.neighbour, "{\"of\":2}")] {
        let client = scene.platform.client(tenant);
        assert_eq!(client.invoke(Invoke::new("shared")).await.unwrap().output, answer);
    }
    let error = scene.platform.client(&third).invoke(Invoke::new("shared")).await.unwrap_err();
    assert_eq!(error.code(), Some(extensions_types::ErrorCode::NotFound));
}
