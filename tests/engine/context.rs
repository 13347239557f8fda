//! `context.current()` tells the truth, and the guest's arguments are the caller's.

use extensions_client::{Context, Invoke};
use extensions_identity::Scope;
use extensions_test_support::{Guest, Start};
use extensions_types::{ActorType, CallLabel, Kind, TenantId};
use serde_json::{Value, json};

use crate::support::{CHILD, Scene, hook};

/// Fields of `execution-context` that are texts, with their offsets (wit/).
const TEXTS: [(&str, u32); 8] =
    [("tenant", 0), ("org", 8), ("user", 16), ("session", 28), ("correlation", 36), ("env", 44), ("extension", 56), ("point", 72)];
const CHECK: &str = "BeforeCreateOrder";

/// Answers with the whole context as JSON.
fn mirror(kind: Kind) -> Guest {
    let mut body = String::from("(call $current (i32.const 2048)) (call $put (call $open))");
    for (name, offset) in TEXTS {
        let (ptr, len) = (2048 + offset, 2052 + offset);
        body.push_str(&format!("(call $put (call ${name})) (call $put (i32.load (i32.const {ptr})) (i32.load (i32.const {len})))"));
    }
    for (name, load) in
        [("actor", "(i64.load8_u (i32.const 2072))"), ("tier", "(i64.load8_u (i32.const 2100))"), ("version", "(i64.load (i32.const 2112))")]
    {
        body.push_str(&format!("(call $put (call ${name})) (call $put_number {load})"));
    }
    body.push_str("(call $put (call $close)) (call $ok (call $written))");
    let mut guest = Guest::new(kind, &body).text("open", "{\"\":\"").text("close", "}");
    for (name, _) in TEXTS {
        guest = guest.text(name, format!("\",\"{name}\":\""));
    }
    guest.text("actor", "\",\"actor\":").text("tier", ",\"tier\":").text("version", ",\"version\":")
}

fn without_marker(output: &[u8]) -> Value {
    let mut value: Value = serde_json::from_slice(output).unwrap();
    value.as_object_mut().unwrap().remove("");
    value
}

#[tokio::test]
async fn a_users_call() {
    let scene = Scene::new().await;
    scene.serve("mirror", Kind::ProcessHook, "risk_tier = \"medium\"\n", mirror(Kind::ProcessHook).component()).await;
    scene.serve("mirror", Kind::ProcessHook, "risk_tier = \"medium\"\n", mirror(Kind::ProcessHook).component()).await;
    let context = Context::new().session("s-1").correlation("c-1");
    let answer = scene.client.invoke(Invoke::new("mirror").point(CHECK).context(context)).await.unwrap();
    let expected = json!({
        "tenant": "hostile", "org": "", "user": "ada", "session": "s-1", "correlation": "c-1", "env": "dev",
        "extension": "mirror", "point": CHECK, "actor": 0, "tier": 1, "version": 2,
    });
    assert_eq!(without_marker(&answer.output), expected);
    assert_eq!(answer.served_version.get(), 2);
    let older = scene.client.invoke(Invoke::new("mirror").version("1")).await.unwrap();
    assert_eq!(without_marker(&older.output)["version"], 1);
}

#[tokio::test]
async fn a_delegates_call() {
    let tenants = ["acme", "hostile"].map(|tenant| TenantId::parse(tenant).unwrap());
    let scene = Scene::of(Start::new(CHILD).grant("gateway", &tenants, &[Kind::ProcessHook])).await;
    scene.serve("mirror", Kind::ProcessHook, "", mirror(Kind::ProcessHook).component()).await;
    let token = scene.platform.sign(&scene.platform.claims("gateway").scopes(&[Scope::Delegate]));
    let gateway = scene.client.with_token(&token).unwrap();
    let context = Context::new().tenant("hostile").org("o-7").user("bob").actor_type(ActorType::Agent).correlation("c-2");
    let answer = gateway.invoke(Invoke::new("mirror").context(context)).await.unwrap();
    let expected = json!({
        "tenant": "hostile", "org": "o-7", "user": "bob", "session": "", "correlation": "c-2", "env": "dev",
        "extension": "mirror", "point": "", "actor": 1, "tier": 0, "version": 1,
    });
    assert_eq!(without_marker(&answer.output), expected);
}

#[tokio::test]
async fn an_organisation_comes_from_the_token() {
    let scene = Scene::new().await;
    scene.serve("mirror", Kind::ProcessHook, "", mirror(Kind::ProcessHook).component()).await;
    let org = CallLabel::parse("o-1").unwrap();
    let claims = scene.platform.claims("eve").tenant(&scene.hostile).org(&org).scopes(&[Scope::Invoke]);
    let client = scene.client.with_token(&scene.platform.sign(&claims)).unwrap();
    let answer = without_marker(&client.invoke(Invoke::new("mirror")).await.unwrap().output);
    assert_eq!((&answer["org"], &answer["user"]), (&json!("o-1"), &json!("eve")));
    assert_eq!(answer["correlation"].as_str().unwrap().len(), 36, "made up: {answer}");
}

#[tokio::test]
async fn arguments_are_the_callers() {
    let scene = Scene::new().await;
    let echo = "(call $ok (local.get $input) (local.get $input_len))";
    for kind in [Kind::ProcessHook, Kind::AgentTool] {
        scene.serve("echo", kind, "", Guest::new(kind, echo).component()).await;
        let input = " {\"a\": [1, 2.50, \"\u{e9}\"]} ";
        let answer = scene.client.invoke(Invoke::new("echo").input(input)).await.unwrap();
        assert_eq!(answer.output, input, "{kind}: byte for byte");
    }
    let point =
        hook("(call $put (call $quote)) (call $put (local.get $point) (local.get $point_len)) (call $put (call $end)) (call $ok (call $written))");
    scene.serve("point", Kind::ProcessHook, "", point.text("quote", "{\"task\":\"").text("end", "\"}").component()).await;
    let answer = scene.client.invoke(Invoke::new("point").point("Task_1")).await.unwrap();
    assert_eq!(answer.output, "{\"task\":\"Task_1\"}");
}
