//! Lists and logs: a tenant reads its own, and nothing else.

use extensions_identity::{Role, Scope};
use extensions_proto::v1::{ListExtensionsRequest, wasm_extension_runtime_client::WasmExtensionRuntimeClient};
use extensions_test_support::{Guest, Request, event};
use extensions_types::Kind;
use serde_json::{Value, json};

use crate::{shot::Transport, stage::Stage};

async fn listed(transport: &Transport, token: &str, kind: Option<Kind>) -> Result<Vec<(String, String)>, String> {
    match transport {
        Transport::Grpc(channel) => {
            let kind = kind.map_or(0, |kind| extensions_proto::v1::ExtensionKind::from(kind).into());
            let mut request = tonic::Request::new(ListExtensionsRequest { kind });
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            let answer = event(WasmExtensionRuntimeClient::new(channel.clone()).list_extensions(request)).await;
            let answer = answer.map_err(|status| format!("{:?}", status.code()))?.into_inner();
            Ok(answer.extensions.into_iter().map(|listed| (listed.extension_id, listed.served_version)).collect())
        }
        Transport::Http(endpoint) => {
            let query = kind.map_or(String::new(), |kind| format!("?kind={kind}"));
            let reply = Request::get(format!("/v1/extensions{query}")).token(token).send(endpoint).await;
            if reply.status != 200 {
                return Err(reply.error_code());
            }
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let json = reply.json();
            Ok(json["extensions"].as_array().unwrap().iter().map(|listed| (text(&listed["extension_id"]), text(&listed["served_version"]))).collect())
        }
    }
}

fn rows(expected: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    Ok(expected.iter().map(|(id, version)| ((*id).to_owned(), (*version).to_owned())).collect())
}

#[tokio::test]
async fn a_list_is_the_tenants_own() {
    let stage = Stage::new().await;
    let (acme, umbrella) = (stage.platform.token(&stage.acme), stage.platform.token(&stage.umbrella));
    let nobody = stage.platform.sign(&stage.platform.claims("ada").tenant(&stage.acme));
    let gateway = stage.delegated().token.unwrap();
    for (name, transport) in &stage.transports {
        assert_eq!(listed(transport, &acme, None).await, rows(&[("risky", "1"), ("rule", "2"), ("tool", "1")]), "{name}");
        assert_eq!(listed(transport, &acme, Some(Kind::AgentTool)).await, rows(&[("tool", "1")]), "{name}");
        assert_eq!(listed(transport, &umbrella, None).await, rows(&[("private", "1")]), "{name}");
        for token in [&nobody, &gateway] {
            let refused = listed(transport, token, None).await.unwrap_err();
            assert!(["PermissionDenied", "PERMISSION_DENIED"].contains(&refused.as_str()), "{name}: {refused}");
        }
    }
}

#[tokio::test]
async fn logs_are_the_tenants_own() {
    let stage = Stage::new().await;
    let guest = Guest::new(Kind::ProcessHook, "(call $log (call $line)) (call $ok (call $answer))").text("line", "hello").text("answer", "{}");
    stage.platform.serve(&stage.acme, "talks", Kind::ProcessHook, "", guest.component());
    let mut shot = stage.good();
    (shot.extension, shot.ctx.correlation_id) = ("talks".into(), "c-77".into());
    let transport = &stage.transports[0].1;
    for _ in 0..2 {
        assert_eq!(shot.fire(transport).await.output, "{}");
    }
    let read = async |path: &str, token: &str| Request::get(path).token(token).send(&stage.platform.tcp()).await;
    let own = read("/v1/extensions/talks:logs", &stage.platform.token(&stage.acme)).await;
    let lines: Vec<Value> = own.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["message"], &lines[0]["correlation_id"], &lines[0]["level"]), (&json!("hello"), &json!("c-77"), &json!("info")));
    let after = read(&format!("/v1/extensions/talks:logs?after={}", lines[0]["seq"]), &stage.platform.token(&stage.acme)).await;
    assert_eq!(after.text().lines().count(), 1);
    let rows = [
        ("another tenant", "talks", stage.platform.token(&stage.umbrella), 404, "NOT_FOUND"),
        (
            "no role",
            "talks",
            stage.platform.sign(&stage.platform.claims("ada").tenant(&stage.acme).scopes(&[Scope::Invoke])),
            403,
            "PERMISSION_DENIED",
        ),
        ("an unknown extension", "nobody", stage.platform.token(&stage.acme), 404, "NOT_FOUND"),
        (
            "a viewer without tenant",
            "talks",
            stage.platform.sign(&stage.platform.claims("x").scopes(&[Scope::Operate]).roles(&[Role::Viewer])),
            403,
            "PERMISSION_DENIED",
        ),
        ("no token", "talks", String::new(), 401, "UNAUTHENTICATED"),
    ];
    for (attack, id, token, status, code) in rows {
        let reply = read(&format!("/v1/extensions/{id}:logs"), &token).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (status, code), "{attack}");
    }
}
