//! Probes, metrics, admin, health and reflection.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use extensions_front::FrontSettings;
use futures_util::stream;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb;

use crate::support::{Parsed, Running, authorised, event, http1, raw, settings, start};

async fn on_admin(running: &Running, head: &str) -> Parsed {
    let io = tokio::net::TcpStream::connect(running.front.addresses().admin.unwrap()).await.unwrap();
    Parsed::of(&raw(io, format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n")).await)
}

fn with_admin() -> FrontSettings {
    FrontSettings { admin_listen: Some(([127, 0, 0, 1], 0).into()), ..settings() }
}

#[tokio::test]
async fn probes_answer_on_both_listeners_without_a_token() {
    let running = start(&with_admin());
    for (path, status) in [("/healthz", 200), ("/readyz", 200)] {
        assert_eq!(http1(&running, &format!("GET {path} HTTP/1.1"), "").await.status, status);
        assert_eq!(on_admin(&running, &format!("GET {path} HTTP/1.1")).await.status, status);
    }
    running.script.ready.store(false, SeqCst);
    assert_eq!(http1(&running, "GET /readyz HTTP/1.1", "").await.status, 503);
    assert_eq!(http1(&running, "GET /healthz HTTP/1.1", "").await.status, 200);
}

#[tokio::test]
async fn metrics_count_by_route_and_class() {
    let running = start(&with_admin());
    authorised(&running, "POST /v1/extensions/echo:invoke", "1").await;
    authorised(&running, "POST /v1/extensions/TRAP:invoke", "1").await;
    http1(&running, "POST /v1/extensions/echo:invoke HTTP/1.1", "1").await;
    authorised(&running, "GET /none", "").await;
    let text = on_admin(&running, "GET /metrics HTTP/1.1").await.body;
    for line in [
        "extensions_front_requests_total{route=\"http_invoke\",class=\"2xx\"} 1",
        "extensions_front_requests_total{route=\"http_invoke\",class=\"4xx\"} 1",
        "extensions_front_requests_total{route=\"http_invoke\",class=\"5xx\"} 1",
        "extensions_front_requests_total{route=\"unknown\",class=\"4xx\"} 1",
        "extensions_front_authentication_failures_total 1",
        "extensions_front_connections_accepted_total 5",
        "extensions_front_requests_in_flight 1",
        "extensions_front_connections_turned_away_total{reason=\"limit\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn admin_needs_its_own_right_and_callers_are_not_served_there() {
    let running = start(&with_admin());
    let status = |token: &str| format!("GET /admin/v1/status HTTP/1.1\r\nauthorization: Bearer {token}");
    assert_eq!(on_admin(&running, &status("bad")).await.status, 401);
    assert_eq!(on_admin(&running, &status("good")).await.problem(), (403, "PERMISSION_DENIED".into()));
    // The connections before may be a moment from being counted out.
    let answer = event(async {
        loop {
            let answer = on_admin(&running, &status("operator")).await.json();
            if answer["connections_open"] == 1 {
                return answer;
            }
        }
    })
    .await;
    let catalogs = serde_json::json!({"dev": {"ready": true}});
    let expected = serde_json::json!({
        "build": "scripted", "ready": true, "draining": false, "connections_open": 1, "requests_in_flight": 1, "catalogs": catalogs,
        "local_switches": [],
    });
    assert_eq!(answer, expected);
    assert_eq!(on_admin(&running, "GET /v1/extensions HTTP/1.1\r\nauthorization: Bearer good").await.status, 404);
    assert_eq!(http1(&running, "GET /metrics HTTP/1.1", "").await.status, 404);
    assert_eq!(http1(&running, &status("operator"), "").await.status, 404);
}

#[tokio::test]
async fn one_machine_merges_both() {
    let running = start(&FrontSettings { merge_admin: true, ..settings() });
    assert_eq!(http1(&running, "GET /metrics HTTP/1.1", "").await.status, 200);
    assert_eq!(http1(&running, "GET /admin/v1/status HTTP/1.1\r\nauthorization: Bearer good", "").await.status, 403);
}

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.into() }
}

#[tokio::test]
async fn health_is_checked_and_watched() {
    let running = start(&FrontSettings { drain_notice: Duration::from_secs(3_600), ..settings() });
    let mut client = HealthClient::new(running.channel().await);
    let service = "ameide.extensions.v1.WasmExtensionRuntime";
    for name in ["", service] {
        assert_eq!(client.check(asked(name)).await.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    assert_eq!(client.check(asked("other")).await.unwrap_err().code(), Code::NotFound);
    let mut watched = client.watch(asked(service)).await.unwrap().into_inner();
    let mut next = async || event(watched.message()).await.unwrap().unwrap().status();
    assert_eq!(next().await, ServingStatus::Serving);
    running.script.ready.store(false, SeqCst);
    assert_eq!(next().await, ServingStatus::NotServing);
    running.script.ready.store(true, SeqCst);
    assert_eq!(next().await, ServingStatus::Serving);
    running.front.handle().drain(Duration::from_secs(3_600));
    assert_eq!(next().await, ServingStatus::NotServing);
    assert_eq!(client.check(asked("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    assert_eq!(http1(&running, "GET /readyz HTTP/1.1", "").await.body, "draining\n");
    assert_eq!(authorised(&running, "POST /v1/extensions/echo:invoke", "1").await.status, 200, "calls are answered during the notice");
}

#[tokio::test]
async fn watchers_do_not_hold_a_drain_up() {
    let running = start(&settings());
    let mut client = HealthClient::new(running.channel().await);
    let mut watched = client.watch(asked("")).await.unwrap().into_inner();
    let mut unknown = client.watch(asked("other")).await.unwrap().into_inner();
    assert_eq!(event(unknown.message()).await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    running.front.handle().drain(crate::support::PATIENCE);
    let ended = event(async {
        loop {
            if let Err(status) = watched.message().await {
                return status;
            }
        }
    });
    assert_eq!(ended.await.code(), Code::Unavailable);
    assert_eq!(event(running.front.handle().drained()).await.cut, 0);
}

#[tokio::test]
async fn reflection_answers_in_both_versions() {
    let running = start(&settings());
    let ask = |list: &str| pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(pb::v1::server_reflection_request::MessageRequest::ListServices(list.into())),
    };
    let mut client = pb::v1::server_reflection_client::ServerReflectionClient::new(running.channel().await);
    let mut answers = client.server_reflection_info(stream::iter([ask("")])).await.unwrap().into_inner();
    let answer = format!("{:?}", event(answers.message()).await.unwrap().unwrap());
    for service in ["ameide.extensions.v1.WasmExtensionRuntime", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(answer.contains(service), "{answer}");
    }
    let symbol = pb::v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(pb::v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            "ameide.extensions.v1.InvokeExtensionRequest".into(),
        )),
    };
    let mut client = pb::v1alpha::server_reflection_client::ServerReflectionClient::new(running.channel().await);
    let mut answers = client.server_reflection_info(stream::iter([symbol])).await.unwrap().into_inner();
    let answer = event(answers.message()).await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, pb::v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)));
}

#[tokio::test]
async fn reflection_can_be_off() {
    let running = start(&FrontSettings { reflection: false, ..settings() });
    let mut client = pb::v1::server_reflection_client::ServerReflectionClient::new(running.channel().await);
    assert_eq!(client.server_reflection_info(stream::pending()).await.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_host_is_switched_by_operators_on_the_admin_listener_alone() {
    let running = start(&with_admin());
    let ask = async |method: &str, token: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} /admin/v1/switches HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-length: {length}");
        let io = tokio::net::TcpStream::connect(running.front.addresses().admin.unwrap()).await.unwrap();
        Parsed::of(&raw(io, format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n{body}")).await)
    };
    let off = r#"{"target":{"of":"tier","tier":"low"},"why":"drill","abort":true}"#;
    assert_eq!(ask("POST", "good", off).await.status, 403);
    assert!(running.script.switches.lock().unwrap().is_empty());
    assert_eq!(ask("POST", "operator", off).await.body, r#"{"changed":true}"#);
    let listed: serde_json::Value = serde_json::from_str(&ask("GET", "operator", "").await.body).unwrap();
    assert_eq!((&listed["switches"][0]["why"], &listed["switches"][0]["abort"]), (&"drill".into(), &true.into()));
    for nonsense in ["", "{}", r#"{"target":{"of":"moon"},"why":"x"}"#, r#"{"target":{"of":"tier","tier":"low"},"why":"x","untl_ms":1}"#] {
        assert_eq!(ask("POST", "operator", nonsense).await.status, 400, "{nonsense}");
    }
    assert_eq!(ask("POST", "operator", &format!("{:5000}", "{}")).await.status, 413);
    let on = r#"{"target":{"of":"tier","tier":"low"}}"#;
    assert_eq!(ask("DELETE", "operator", on).await.body, r#"{"changed":true}"#);
    assert_eq!(ask("DELETE", "operator", on).await.body, r#"{"changed":false}"#);
    let effective = "GET /admin/v1/control?tenant_id=acme&extension_id=x HTTP/1.1\r\nauthorization: Bearer operator";
    assert_eq!(on_admin(&running, effective).await.body, r#"["","acme","x"]"#);
    let half = "GET /admin/v1/control?tenant_id=acme HTTP/1.1\r\nauthorization: Bearer operator";
    assert_eq!(on_admin(&running, half).await.status, 400);
}
