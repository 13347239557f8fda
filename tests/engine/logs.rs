//! What guests log is bounded, whole, and their own tenant's.

use std::fs;

use extensions_client::Invoke;
use extensions_test_support::Request;
use extensions_types::{Kind, TenantId};
use serde_json::Value;

use crate::support::{Scene, attack, failed, hook};

const LONG: &str = "[limits]\ncpu_millis = 20\ntimeout_ms = 30000\n";
/// A process of tests stays far below it; a gigabyte of kept log would not.
const RESIDENT_KIB_MAX: u64 = 1 << 20;

pub(crate) async fn read(scene: &Scene, tenant: &TenantId, id: &str) -> Vec<Value> {
    let path = format!("/v1/extensions/{id}:logs");
    let reply = Request::get(path).token(&scene.platform.token(tenant)).send(&scene.platform.tcp()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_gigabyte_is_counted_and_dropped() {
    let scene = Scene::new().await;
    // Whole lines of 64 KiB: the first fills the quota, 16,383 more do not fit.
    let flood = hook(
        "(local $left i32) (local.set $left (i32.const 16384))
         (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
         (loop $again
            (call $log (i32.const 65536) (i32.const 65536))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (call $ok (call $answer))",
    );
    scene.withstands(vec![attack("floods", &flood.text("answer", "{}").memory("3"), "CPU_LIMIT").limits(LONG)]).await;
    let lines = read(&scene, &scene.hostile, "floods").await;
    assert_eq!(lines.len(), 4, "a line and what was dropped, for each of two calls");
    assert_eq!(lines[0]["message"].as_str().unwrap().len(), 64 << 10);
    assert!(lines[1]["message"].as_str().unwrap().contains("exceeded the log quota"), "{}", lines[1]);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB").parse::<u64>().unwrap();
    assert!(peak < RESIDENT_KIB_MAX, "{peak} KiB");
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
async fn what_is_no_text_is_a_trap() {
    let scene = Scene::new().await;
    let answer = |body: &str| hook(&format!("{body} (call $ok (call $answer))")).text("answer", "{}").text("line", b"\xff");
    scene
        .withstands(vec![
            attack("logs no utf-8", &answer("(call $log (call $line))"), "TRAP"),
            attack("logs beyond memory", &answer("(call $log (i32.const 0x70000000) (i32.const 5))"), "TRAP"),
            attack("logs at level 9", &answer("(call $log_at (i32.const 9) (call $line)) (call $log (call $line))"), "TRAP"),
        ])
        .await;
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
