//! Answers that are no answers: too large, no JSON, not of the kind's shape,
//! and the errors that a guest may give.

use extensions_test_support::Guest;
use extensions_types::Kind;
use serde_json::json;

use crate::support::{Scene, attack, failed, hook};

const LARGE: &str = "[limits]\nmemory_mb = 256\ncpu_millis = 1000\ntimeout_ms = 30000\n";
const NO_JSON: [(&str, &[u8]); 7] = [
    ("nothing", b""),
    ("half an object", b"{\"a\":"),
    ("two values", b"{}{}"),
    ("bare words", b"{a:1}"),
    ("no utf-8", b"{\"a\":\"\xff\"}"),
    ("surrogates", b"{\"a\":\"\xed\xa0\x80\"}"),
    ("a nul byte", b"{\"a\":\"\0\"}"),
];

/// A body that answers with `bytes` of memory that it never touched: large at no cost.
fn vast(bytes: u32) -> String {
    let pages = bytes.div_ceil(1 << 16) + 1;
    format!("(drop (memory.grow (i32.const {pages}))) (call $ok (i32.const 65536) (i32.const {bytes}))")
}

/// A body that answers with `{}` and spaces, `bytes` in all.
fn padded(bytes: u32) -> String {
    let pages = bytes.div_ceil(1 << 16) + 1;
    format!(
        "(drop (memory.grow (i32.const {pages})))
         (memory.fill (i32.const 65536) (i32.const 32) (i32.const {bytes}))
         (i32.store16 (i32.const 65536) (i32.const 0x7d7b))
         (call $ok (i32.const 65536) (i32.const {bytes}))"
    )
}

#[tokio::test]
async fn answers_are_bounded() {
    let scene = Scene::new().await;
    let messages = "(drop (call $ok (call $answer)))
        (i32.store (i32.const 24) (i32.const 65536)) (i32.store (i32.const 28) (i32.const 2000)) (i32.const 16)";
    scene
        .withstands(vec![
            attack("a byte too many", &hook(&padded((1 << 20) + 1)), "OUTPUT_LIMIT"),
            attack("100 mib", &hook(&vast(100 << 20)), "OUTPUT_LIMIT").limits(LARGE),
            attack("100 mib of a tool", &Guest::new(Kind::AgentTool, &vast(100 << 20)), "OUTPUT_LIMIT").limits(LARGE).kind(Kind::AgentTool),
            attack("100 mib of fields", &Guest::new(Kind::DomainHook, &vast(100 << 20)), "OUTPUT_LIMIT").limits(LARGE).kind(Kind::DomainHook),
            // 2,000 messages that cost nothing in the guest: empty texts at pointer 0.
            attack("many messages", &Guest::new(Kind::DomainHook, messages).text("answer", "{}").memory("4"), "OUTPUT_LIMIT")
                .limits("[limits]\noutput_bytes = 65536\n")
                .kind(Kind::DomainHook),
        ])
        .await;
    scene.serve("exact", Kind::ProcessHook, "", hook(&padded(1 << 20)).component()).await;
    assert_eq!(scene.invoke("exact").await.unwrap().output.len(), 1 << 20);
}

#[tokio::test]
async fn answers_are_json_of_the_kinds_shape() {
    let scene = Scene::new().await;
    let bomb = [b"[".repeat(129), b"]".repeat(129)].concat();
    for kind in [Kind::ProcessHook, Kind::DomainHook, Kind::AgentTool] {
        let rows = NO_JSON.iter().map(|&(name, json)| attack(name, &Guest::answering(kind, json), "INVALID_OUTPUT").kind(kind));
        scene.withstands(rows.collect()).await;
        scene.withstands(vec![attack("a depth bomb", &Guest::answering(kind, &bomb), "INVALID_OUTPUT").kind(kind)]).await;
    }
    for kind in [Kind::ProcessHook, Kind::DomainHook] {
        let rows =
            ["[]", "1", "\"text\"", "null", "[{}]"].map(|json| attack("no object", &Guest::answering(kind, json), "INVALID_OUTPUT").kind(kind));
        scene.withstands(rows.into()).await;
    }
    scene.serve("any", Kind::AgentTool, "", Guest::answering(Kind::AgentTool, "[1, null]").component()).await;
    assert_eq!(scene.output("any").await, json!([1, null]), "a tool's result may be any value");
}

#[tokio::test]
async fn a_guests_own_errors_have_their_codes() {
    let scene = Scene::new().await;
    for kind in [Kind::ProcessHook, Kind::AgentTool] {
        for (which, code) in [(0, "REJECTED"), (1, "INVALID_INPUT"), (2, "GUEST_FAILED")] {
            scene.withstands(vec![attack("says no", &Guest::failing(kind, which, "because"), code).kind(kind)]).await;
            assert_eq!(failed(scene.invoke("says-no").await).message, "because");
        }
    }
    for (which, code) in [(1, "INVALID_INPUT"), (2, "GUEST_FAILED")] {
        scene.withstands(vec![attack("judges not", &Guest::failing(Kind::DomainHook, which, "because"), code).kind(Kind::DomainHook)]).await;
    }
    scene.serve("judges", Kind::DomainHook, "", Guest::failing(Kind::DomainHook, 0, "too much").component()).await;
    let message = json!({"code": "REJECTED", "severity": "error", "text": "too much", "path": ""});
    assert_eq!(scene.output("judges").await, json!({"ok": false, "messages": [message], "derivedFields": {}}));
}

#[tokio::test]
async fn long_texts_are_cut() {
    let scene = Scene::new().await;
    let text = "é".repeat(10_000);
    scene.withstands(vec![attack("talks", &Guest::failing(Kind::ProcessHook, 2, &text), "GUEST_FAILED")]).await;
    let message = failed(scene.invoke("talks").await).message;
    assert!(message.starts_with("éé") && message.ends_with('…'), "{} bytes", message.len());
}
