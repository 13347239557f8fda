//! Modules of the plain ABI, served as every kind. Those that lie are in tests/hostile.

use extensions_client::{Context, Invoke};
use extensions_test_support::{PlainGuest, wrapped};
use extensions_types::Kind;
use serde_json::{Value, json};

use crate::{
    logs::read,
    support::{Scene, attack, hook, plain_attack},
};

const DECLARED: &str = "risk_tier = \"medium\"\nhost_calls = [\"orders.get\"]\n";

fn good() -> PlainGuest {
    PlainGuest::answering("{}")
}

/// A body that does something and answers well.
fn does(what: &str) -> PlainGuest {
    PlainGuest::new(&format!("{what} (call $pair (call $answer))")).text("answer", "{}")
}

#[tokio::test]
async fn every_kind_gets_its_object_and_gives_its_answer() {
    let scene = Scene::new().await;
    // The input is the answer: as it lies, in place, untouched by the adapter.
    let echo = PlainGuest::new("(call $pair (local.get $ptr) (local.get $len))").component();
    scene.serve_plain("echo-process", Kind::ProcessHook, "", echo.clone()).await;
    scene.serve_plain("echo-tool", Kind::AgentTool, "", echo).await;
    let call = |id: &str| Invoke::new(id).point("score\"it").json(&json!({"a": [1, "é"]})).unwrap();
    let output = |answer: extensions_client::Invocation| serde_json::from_slice::<Value>(&answer.output).unwrap();
    let process = output(scene.client.invoke(call("echo-process")).await.unwrap());
    assert_eq!(process, json!({"task": "score\"it", "variables": {"a": [1, "é"]}}));
    assert_eq!(output(scene.client.invoke(call("echo-tool")).await.unwrap()), json!({"arguments": {"a": [1, "é"]}}));

    let verdict = r#"{"derivedFields":{"b":1.50},"ok":false,"messages":[{"path":"/a","text":"t","severity":"info","code":"C"}]}"#;
    scene.serve_plain("verdict", Kind::DomainHook, "", PlainGuest::answering(verdict).component()).await;
    assert_eq!(scene.output("verdict").await, serde_json::from_str::<Value>(verdict).unwrap());
    scene.serve_plain("rejects", Kind::DomainHook, "", PlainGuest::answering(r#"{"$error":{"rejected":"no"}}"#).component()).await;
    let rejection = json!({"ok": false, "messages": [{"code": "REJECTED", "severity": "error", "text": "no", "path": ""}], "derivedFields": {}});
    assert_eq!(scene.output("rejects").await, rejection);
    scene.serve_plain("not-alone", Kind::ProcessHook, "", PlainGuest::answering(r#"{"$error":{"failed":"x"},"a":1}"#).component()).await;
    assert_eq!(scene.output("not-alone").await["a"], 1, "with another key it is an answer");
}

#[tokio::test]
async fn context_and_log_tell_the_same_as_in_other_worlds() {
    let scene = Scene::new().await;
    let mirror = "(local $context i64) (local.set $context (call $host_context)) (call $host_log (i32.const 3) (call $parts (local.get $context))) (local.get $context)";
    scene.serve_plain("mirror", Kind::ProcessHook, "risk_tier = \"medium\"\n", PlainGuest::new(mirror).component()).await;
    let call = Invoke::new("mirror").point("BeforeCreateOrder").context(Context::new().correlation("c-plain"));
    let answer = scene.client.invoke(call).await.unwrap();
    let mut context: Value = serde_json::from_slice(&answer.output).unwrap();
    let deadline = context.as_object_mut().unwrap().remove("deadline_ms").unwrap().as_u64().unwrap();
    assert!((1..=30_000).contains(&deadline), "{deadline}");
    let expected = json!({
        "tenant_id": "hostile", "org_id": "", "user_id": "ada", "actor_type": "USER", "session_id": "", "correlation_id": "c-plain",
        "env": "dev", "risk_tier": "medium", "extension_id": "mirror", "version": 1, "hook_point": "BeforeCreateOrder",
    });
    assert_eq!(context, expected);
    let lines = read(&scene, &scene.hostile, "mirror").await;
    let logged: Value = serde_json::from_str(lines[0]["message"].as_str().unwrap()).unwrap();
    assert_eq!((lines.len(), &lines[0]["level"], &logged["user_id"]), (1, &json!("warn"), &json!("ada")));
}

#[tokio::test]
async fn host_calls_are_answered_counted_and_bounded() {
    let scene = Scene::new().await;
    let request = r#"{"service":"orders","method":"get","request":{"id":1}}"#;
    let asks = |request: &str| PlainGuest::new("(call $host_call (call $request))").text("request", request);
    for (id, manifest, request, case) in [
        ("granted-to-nobody", DECLARED, request, "denied"),
        ("undeclared", "", request, "denied"),
        ("no-request", DECLARED, r#"{"service":"orders","method":"get"}"#, "failed"),
        ("no-json", DECLARED, "orders.get", "failed"),
        ("more", DECLARED, r#"{"service":"orders","method":"get","request":1,"more":2}"#, "failed"),
    ] {
        scene.serve_plain(id, Kind::ProcessHook, manifest, asks(request).component()).await;
        let answer = scene.output(id).await;
        assert!(answer["error"][case].is_string(), "{id}: {answer}");
    }
    for (id, request) in [("keeps-calling", request), ("keeps-babbling", "{}")] {
        let body = "(local $left i32) (local.set $left (i32.const 99))
            (loop $again (drop (call $host_call (call $request))) (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $host_call (call $request))";
        scene.serve_plain(id, Kind::ProcessHook, DECLARED, PlainGuest::new(body).text("request", request).component()).await;
        let answer = scene.invoke(id).await.unwrap();
        assert_eq!((answer.output.as_ref(), answer.stats.unwrap().host_calls), (br#"{"error":{"budget_exhausted":""}}"#.as_ref(), 64));
    }
    let gives_up = does("(drop (call $host_call (call $request))) (unreachable)").text("request", request);
    scene.withstands(vec![plain_attack("gives up", &gives_up, "HOST_CALL_DENIED").limits(DECLARED)]).await;
}

#[tokio::test]
async fn the_documentations_example_runs() {
    let docs = include_str!("../../docs/abi.md");
    let section = &docs[docs.find("## By hand").unwrap()..docs.find("## In C").unwrap()];
    let module: String = section.lines().filter(|line| line.starts_with("    ")).map(|line| format!("{line}\n")).collect();
    let scene = Scene::new().await;
    scene.serve_plain("greets", Kind::ProcessHook, "", wrapped(&module)).await;
    assert_eq!(scene.output("greets").await, json!({"greeting": "hello"}));
}

/// A definition decides which world is served; the other one is no answer.
#[tokio::test]
async fn worlds_are_not_confused() {
    let scene = Scene::new().await;
    for (id, served) in [
        ("plain-as-kind", scene.platform.serve(&scene.hostile, "plain-as-kind", Kind::ProcessHook, "", good().component())),
        ("kind-as-plain", scene.platform.serve_plain(&scene.hostile, "kind-as-plain", Kind::ProcessHook, "", hook("(unreachable)").component())),
    ] {
        assert!(scene.platform.load(&served).await.is_err(), "{id}");
        scene.others_are_unharmed(id).await;
    }
    scene.withstands(vec![attack("unreachable", &hook("(unreachable)"), "TRAP")]).await;
}
