//! Modules of the plain ABI: served as every kind; and those that lie about
//! pointers, lengths, texts and turns. Each lie is a trap or a refused answer
//! of its own call.

use extensions_client::{Context, Invoke};
use extensions_test_support::{PlainGuest, wrapped};
use extensions_types::Kind;
use serde_json::{Value, json};

use crate::{
    logs::read,
    support::{Attack, Scene, attack, failed, hook, plain_attack},
};

const DECLARED: &str = "risk_tier = \"medium\"\nhost_calls = [\"orders.get\"]\n";
const LARGE: &str = "[limits]\nmemory_mb = 256\ncpu_millis = 1000\ntimeout_ms = 30000\n";

/// An answer from anywhere.
fn lie(ptr: &str, len: &str) -> PlainGuest {
    PlainGuest::new(&format!("(call $pair (i32.const {ptr}) (i32.const {len}))"))
}

fn good() -> PlainGuest {
    PlainGuest::answering("{}")
}

/// A body that does something and answers well.
fn does(what: &str) -> PlainGuest {
    PlainGuest::new(&format!("{what} (call $pair (call $answer))")).text("answer", "{}")
}

#[tokio::test]
async fn answers_outside_of_memory_are_traps() {
    let rows = [
        ("an answer across the end", lie("131000", "1000")),
        ("an answer beyond the end", lie("0x70000000", "16")),
        ("an answer that wraps", lie("0xfffffff0", "0x20")),
        ("a negative length", lie("1024", "-1")),
        ("a negative length at zero", lie("0", "-1")),
        ("a negative pointer", lie("-1", "2")),
        ("the lowest number", PlainGuest::new("(i64.const 0x8000000080000000)")),
        ("minus one", PlainGuest::new("(i64.const -1)")),
        ("all of memory", lie("0", "131072")),
        ("no memory", lie("0", "0").memory("0").alloc("(i32.const 0)")),
    ];
    let traps: Vec<Attack> = rows.iter().map(|(name, guest)| plain_attack(name, guest, "TRAP")).collect();
    Scene::new().await.withstands(traps).await;
}

#[tokio::test]
async fn a_lying_allocator_harms_its_guest_alone() {
    let after_input = |then: &str| {
        let alloc = format!(
            "(global.set $turn (i32.add (global.get $turn) (i32.const 1))) (if (result i32) (i32.eq (global.get $turn) (i32.const 1)) (then (i32.const 65536)) (else {then}))"
        );
        does("(drop (call $host_context))").fields("(global $turn (mut i32) (i32.const 0))").alloc(&alloc)
    };
    let scene = Scene::new().await;
    scene
        .withstands(vec![
            plain_attack("alloc gives nothing", &good().alloc("(i32.const 0)"), "TRAP"),
            plain_attack("alloc gives minus one", &good().alloc("(i32.const -1)"), "TRAP"),
            plain_attack("alloc at the end", &good().alloc("(i32.const 131071)"), "TRAP"),
            plain_attack("alloc beyond memory", &good().alloc("(i32.const 0x7ffffff0)"), "TRAP"),
            plain_attack("alloc traps", &good().alloc("(unreachable)"), "TRAP"),
            plain_attack("alloc never ends", &good().alloc("(loop $more (br $more)) (unreachable)"), "CPU_LIMIT"),
            plain_attack("alloc recurses", &good().alloc("(call $alloc (local.get $len))"), "TRAP"),
            plain_attack(
                "alloc wants all",
                &good().alloc("(if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then (unreachable))) (i32.const 0)"),
                "MEMORY_LIMIT",
            ),
            plain_attack(
                "alloc runs",
                &good().alloc("(drop (call $run (i32.const 0) (i32.const 0))) (drop (call $alloc (local.get $len))) (i32.const 0)"),
                "TRAP",
            ),
            plain_attack("no room for the context", &after_input("(i32.const 0)"), "TRAP"),
            plain_attack("room at the end", &after_input("(i32.const 131070)"), "TRAP"),
            plain_attack("room that wraps", &after_input("(i32.const -2)"), "TRAP"),
            plain_attack("alloc asks for the context again", &after_input("(drop (call $host_context)) (i32.const 65536)"), "TRAP"),
        ])
        .await;
    assert!(failed(scene.invoke("alloc-gives-nothing").await).message.contains("alloc_gave_no_memory"));
    // One block for everything: the guest then reads what it deserves.
    scene.serve_plain("reuses", Kind::ProcessHook, "", does("(drop (call $host_context))").alloc("(i32.const 65536)").component()).await;
    scene.invoke("reuses").await.unwrap();
    scene.others_are_unharmed("an allocator with one block").await;
}

/// While the host allocates in a guest, the guest reaches nothing.
#[tokio::test]
async fn alloc_may_not_call_the_host() {
    let logs = "(call $host_log (i32.const 2) (i32.const 0) (i32.const 0)) (i32.const 65536)";
    let calls = "(drop (call $host_call (i32.const 0) (i32.const 0))) (i32.const 65536)";
    let starts = "(func $init (drop (call $host_context))) (start $init)";
    Scene::new()
        .await
        .withstands(vec![
            plain_attack("alloc logs", &good().alloc(logs), "TRAP"),
            plain_attack("alloc calls", &good().alloc(calls), "TRAP").limits(DECLARED),
            plain_attack("start asks for the context", &good().fields(starts), "TRAP"),
        ])
        .await;
}

#[tokio::test]
async fn what_is_handed_to_the_host_is_checked() {
    let logs = |level: &str, ptr: &str, len: &str| does(&format!("(call $host_log (i32.const {level}) (i32.const {ptr}) (i32.const {len}))"));
    let calls = |ptr: &str, len: &str| does(&format!("(drop (call $host_call (i32.const {ptr}) (i32.const {len})))"));
    let bytes = does("(call $host_log (i32.const 2) (call $line))").text("line", b"caf\xe9");
    Scene::new()
        .await
        .withstands(vec![
            plain_attack("level 5", &logs("5", "0", "0"), "TRAP"),
            plain_attack("level minus one", &logs("-1", "0", "0"), "TRAP"),
            plain_attack("a line beyond memory", &logs("2", "0x70000000", "8"), "TRAP"),
            plain_attack("a line that wraps", &logs("2", "-4", "8"), "TRAP"),
            plain_attack("a line of negative length", &logs("2", "0", "-1"), "TRAP"),
            plain_attack("an empty line beyond memory", &logs("2", "0x7fffffff", "0"), "TRAP"),
            plain_attack("a line in latin 1", &bytes, "TRAP"),
            plain_attack("a line of 4 mib", &logs("2", "0", "4194304").memory("65"), "OUTPUT_LIMIT"),
            plain_attack("a request beyond memory", &calls("0x70000000", "8"), "TRAP").limits(DECLARED),
            plain_attack("a request of negative length", &calls("0", "-1"), "TRAP").limits(DECLARED),
        ])
        .await;
}

#[tokio::test]
async fn answers_are_read_as_the_kind_has_them() {
    let answer = |name, json: &[u8], kind, code| plain_attack(name, &PlainGuest::answering(json), code).kind(kind);
    let domain = |name, json: &str, code| answer(name, json.as_bytes(), Kind::DomainHook, code);
    let process = |name, json: &[u8], code| answer(name, json, Kind::ProcessHook, code);
    let fails = r#"{"$error":{"failed":"no rates"}}"#;
    Scene::new()
        .await
        .withstands(vec![
            process("nothing", b"", "INVALID_OUTPUT"),
            process("no json", b"{a:1}", "INVALID_OUTPUT"),
            process("no utf-8", b"{\"a\":\"\xff\"}", "INVALID_OUTPUT"),
            process("a list", b"[]", "INVALID_OUTPUT"),
            process("an error of another name", br#"{"$error":{"denied":"x"}}"#, "INVALID_OUTPUT"),
            process("an error without a text", br#"{"$error":{"rejected":null}}"#, "INVALID_OUTPUT"),
            process("rejected", br#"{"$error":{"rejected":"no"}}"#, "REJECTED"),
            process("invalid input", br#"{ "$error" : {"invalid_input":"no"}}"#, "INVALID_INPUT"),
            process("failed", fails.as_bytes(), "GUEST_FAILED"),
            domain("no verdict", "{}", "INVALID_OUTPUT"),
            domain("a verdict with more", r#"{"ok":true,"more":1}"#, "INVALID_OUTPUT"),
            domain("fields that are a list", r#"{"ok":true,"derivedFields":[]}"#, "INVALID_OUTPUT"),
            domain("a severe message", r#"{"ok":true,"messages":[{"code":"","severity":"severe","text":"","path":""}]}"#, "INVALID_OUTPUT"),
            domain("a domain hook failed", fails, "GUEST_FAILED"),
            answer("a tool failed", fails.as_bytes(), Kind::AgentTool, "GUEST_FAILED"),
            answer("a tool without json", b"maybe", Kind::AgentTool, "INVALID_OUTPUT"),
            plain_attack(
                "100 mib",
                &PlainGuest::new("(drop (memory.grow (i32.const 1700))) (call $pair (i32.const 65536) (i32.const 104857600))"),
                "OUTPUT_LIMIT",
            )
            .limits(LARGE),
        ])
        .await;
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

/// Where an answer lies is nobody's business: not even at the addresses that the adapter writes to.
#[tokio::test]
async fn an_answer_may_lie_at_zero() {
    let scene = Scene::new().await;
    for at in [0, 1, 4, 7, 8] {
        let json = format!("{{\"at\":{at}}}");
        let guest =
            PlainGuest::new(&format!("(memory.copy (i32.const {at}) (call $answer)) (call $pair (i32.const {at}) (i32.const {}))", json.len()));
        let id = format!("at-{at}");
        scene.serve_plain(&id, Kind::ProcessHook, "", guest.text("answer", &json).component()).await;
        assert_eq!(scene.output(&id).await, json!({ "at": at }));
    }
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
