//! The errors that a guest may give. Answers that are none are in tests/hostile.

use extensions_test_support::Guest;
use extensions_types::Kind;
use serde_json::json;

use crate::support::{Scene, attack, failed};

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
