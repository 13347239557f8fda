//! What a host tells beside calls: health, readiness, reflection, its API, metrics, status.

use extensions_identity::Scope;
use extensions_test_support::{Request, event};
use extensions_types::Kind;
use futures_util::stream;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::{shot::Transport, stage::Stage};

const SERVICE: &str = "ameide.extensions.v1.WasmExtensionRuntime";

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let stage = Stage::new().await;
    for (name, transport) in &stage.transports {
        match transport {
            Transport::Grpc(channel) => {
                let mut health = HealthClient::new(channel.clone());
                for service in ["", SERVICE] {
                    let answer = event(health.check(HealthCheckRequest { service: service.into() })).await.unwrap();
                    assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{name}");
                }
            }
            Transport::Http(endpoint) => {
                for path in ["/healthz", "/readyz", "/openapi.json"] {
                    assert_eq!(Request::get(path).send(endpoint).await.status, 200, "{path} over {name}");
                }
            }
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(Request::get(path).send(&stage.platform.admin()).await.status, 200);
    }
}

#[tokio::test]
async fn reflection_tells_the_whole_contract() {
    let stage = Stage::new().await;
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    for (_, transport) in &stage.transports {
        let Transport::Grpc(channel) = transport else { continue };
        let questions = [ask(MessageRequest::ListServices(String::new())), ask(MessageRequest::FileContainingSymbol(SERVICE.into()))];
        let mut answers = ServerReflectionClient::new(channel.clone()).server_reflection_info(stream::iter(questions)).await.unwrap().into_inner();
        let services = event(answers.message()).await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(services)) = services.message_response else { panic!("{services:?}") };
        assert!(services.service.iter().any(|service| service.name == SERVICE), "{services:?}");
        let file = event(answers.message()).await.unwrap().unwrap();
        assert!(matches!(file.message_response, Some(MessageResponse::FileDescriptorResponse(_))), "{file:?}");
    }
}

#[tokio::test]
async fn metrics_count_what_was_answered() {
    let stage = Stage::new().await;
    let before = stage.platform.ended(Kind::ProcessHook, "OK").await;
    for (_, transport) in &stage.transports {
        stage.good().fire(transport).await;
        let mut wrong = stage.good();
        wrong.input = "{".into();
        wrong.fire(transport).await;
    }
    assert_eq!(stage.platform.ended(Kind::ProcessHook, "OK").await, before + 4);
    assert_eq!(stage.platform.ended(Kind::ProcessHook, "BAD_REQUEST").await, 4);
    let text = stage.platform.metrics().await;
    for part in ["extensions_front_requests_total{route=\"grpc_invoke\"", "extensions_invocation_wall_seconds_bucket", "# EOF"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    // What is served has series of its own; what a request brings along has none.
    assert!(text.contains("extensions_tenant_invocations_total{tenant=\"acme\",end=\"answered\"} 4"), "{text}");
    let of_names = |line: &&str| line.starts_with("extensions_tenant_") || line.starts_with("extensions_extension_");
    for line in text.lines().filter(|line| !of_names(line)) {
        assert!(!line.contains("acme") && !line.contains("rule"), "a name outside of its families: {line}");
    }
    for private in ["umbrella", "ada", "BeforeCreateOrder"] {
        assert!(!text.contains(private), "a label from a request: {private}");
    }
}

#[tokio::test]
async fn operators_have_their_own_listener() {
    let stage = Stage::new().await;
    let status = |token: &str| Request::get("/admin/v1/status").token(token);
    let operator = stage.platform.sign(&stage.platform.claims("root").scopes(&[Scope::Operate]));
    let user = stage.platform.token(&stage.acme);
    let admin = stage.platform.admin();
    assert_eq!(status(&operator).send(&admin).await.json()["ready"], true);
    let refused = status(&user).send(&admin).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "PERMISSION_DENIED"));
    assert_eq!(Request::get("/admin/v1/status").send(&admin).await.status, 401);
    for endpoint in [stage.platform.tcp(), stage.platform.unix()] {
        for path in ["/metrics", "/admin/v1/status"] {
            assert_eq!(Request::get(path).token(&operator).send(&endpoint).await.status, 404, "{path} is not for callers");
        }
    }
    let invoke = Request::new("POST", "/v1/extensions/rule:invoke").token(&user).body("{}");
    assert_eq!(invoke.send(&admin).await.status, 404, "callers are not served there");
}
