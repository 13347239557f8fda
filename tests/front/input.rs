//! Inputs and requests that are malformed, too large or of the wrong type.

use extensions_proto::v1::{ActorType, ListExtensionsRequest, RiskTier, wasm_extension_runtime_client::WasmExtensionRuntimeClient};
use extensions_test_support::{Request, event};
use tonic::Code::{self, InvalidArgument, NotFound, PermissionDenied};

use crate::{
    shot::{Hit, Transport},
    stage::{Row, Stage, ceiling, grpc_row, http_row, row},
};

fn deep(depth: usize) -> bytes::Bytes {
    [b"[".repeat(depth), b"]".repeat(depth)].concat().into()
}

const BAD_JSON: &[Row] = &[
    row("no input", |_, shot| shot.input = "".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("half an object", |_, shot| shot.input = "{\"a\":".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("two values", |_, shot| shot.input = "{}{}".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("single quotes", |_, shot| shot.input = "{'a':1}".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("no UTF-8", |_, shot| shot.input = (&b"{\"a\":\"\xff\"}"[..]).into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("no UTF-8 in a key", |_, shot| shot.input = (&b"{\"\xc3\x28\":1}"[..]).into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a depth of 129", |_, shot| shot.input = deep(129), InvalidArgument, 400, "BAD_REQUEST"),
    row("a depth of 200,000", |_, shot| shot.input = deep(200_000), InvalidArgument, 400, "BAD_REQUEST"),
    row("an open depth bomb", |_, shot| shot.input = b"[".repeat(1 << 20).into(), InvalidArgument, 400, "BAD_REQUEST"),
];

const TOO_LARGE: &[Row] = &[
    row("a byte too many", |_, shot| shot.input = b" ".repeat((1 << 20) + 1).into(), InvalidArgument, 413, "INPUT_TOO_LARGE"),
    row("10 MiB", |_, shot| shot.input = b" ".repeat(10 << 20).into(), InvalidArgument, 413, "INPUT_TOO_LARGE"),
];

const BAD_FIELDS: &[Row] = &[
    row("unknown extension", |_, shot| shot.extension = "nobody".into(), NotFound, 404, "NOT_FOUND"),
    row("another tenant's extension", |_, shot| shot.extension = "private".into(), NotFound, 404, "NOT_FOUND"),
    row("no extension", |_, shot| shot.extension = String::new(), InvalidArgument, 400, "BAD_REQUEST"),
    row("an id with a slash", |_, shot| shot.extension = "../acme/rule".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("an id in capitals", |_, shot| shot.extension = "Rule".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("an id of 64 bytes", |_, shot| shot.extension = "a".repeat(64), InvalidArgument, 400, "BAD_REQUEST"),
    row("an id with a nul", |_, shot| shot.extension = "rule\0".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("another environment", |_, shot| shot.ctx.env = "prod".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("no environment", |_, shot| shot.ctx.env = "production".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a long correlation id", |_, shot| shot.ctx.correlation_id = "c".repeat(129), InvalidArgument, 400, "BAD_REQUEST"),
    row("a session with spaces", |_, shot| shot.ctx.session_id = "a b".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a point with a line end", |_, shot| shot.point = "a\nb".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("a long caller", |_, shot| shot.caller = "c".repeat(129), InvalidArgument, 400, "BAD_REQUEST"),
    row("a tenant outside its grammar", |_, shot| shot.ctx.tenant_id = "a b".into(), InvalidArgument, 400, "BAD_REQUEST"),
    row("above the default ceiling", |_, shot| shot.extension = "risky".into(), PermissionDenied, 403, "PERMISSION_DENIED"),
    grpc_row(
        "above its own ceiling",
        |_, shot| (shot.extension, shot.ctx) = ("risky".into(), ceiling(RiskTier::Low)),
        PermissionDenied,
        "PERMISSION_DENIED",
    ),
    grpc_row("an unknown tier", |_, shot| shot.ctx.risk_tier = 77, InvalidArgument, "BAD_REQUEST"),
    grpc_row("an unknown actor", |_, shot| shot.ctx.actor_type = ActorType::System as i32 + 60, InvalidArgument, "BAD_REQUEST"),
    http_row("text", |_, shot| shot.headers = vec![("content-type", "text/plain")], 400, "BAD_REQUEST"),
    http_row("a form", |_, shot| shot.headers = vec![("content-type", "multipart/form-data; boundary=x")], 400, "BAD_REQUEST"),
    http_row("another charset", |_, shot| shot.headers = vec![("content-type", "application/json; charset=utf-16")], 400, "BAD_REQUEST"),
    http_row("compressed", |_, shot| shot.headers = vec![("content-encoding", "gzip")], 400, "BAD_REQUEST"),
    http_row("an unknown parameter", |_, shot| shot.query = "verison=1".into(), 400, "BAD_REQUEST"),
    http_row("a parameter twice", |_, shot| shot.query = "point=a&point=b".into(), 400, "BAD_REQUEST"),
    http_row("a negative timeout", |_, shot| shot.query = "timeout_ms=-1".into(), 400, "BAD_REQUEST"),
    http_row("a header twice", |_, shot| shot.headers = vec![("x-ameide-user-id", "ada"), ("x-ameide-user-id", "ada")], 400, "BAD_REQUEST"),
];

#[tokio::test]
async fn malformed_json_is_refused() {
    Stage::new().await.answers(BAD_JSON).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    Stage::new().await.answers(TOO_LARGE).await;
}

#[tokio::test]
async fn every_field_is_checked() {
    Stage::new().await.answers(BAD_FIELDS).await;
}

/// What HTTP can do wrong that gRPC cannot.
#[tokio::test]
async fn odd_http_is_refused() {
    let stage = Stage::new().await;
    let token = stage.platform.token(&stage.acme);
    let post = |path: &str| Request::new("POST", path).token(&token).body("{}");
    let long = "x".repeat(17 << 10);
    let rows = [
        ("an unknown path", post("/v2/extensions/rule:invoke"), 404, "BAD_REQUEST"),
        ("an unknown verb", post("/v1/extensions/rule:run"), 404, "BAD_REQUEST"),
        ("a wrong method", Request::get("/v1/extensions/rule:invoke").token(&token), 405, "BAD_REQUEST"),
        ("an id without UTF-8", post("/v1/extensions/%ff:invoke"), 400, "BAD_REQUEST"),
        ("a point without UTF-8", post("/v1/extensions/rule:invoke?point=%ff"), 400, "BAD_REQUEST"),
        ("gRPC without its content type", post("/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension"), 415, "BAD_REQUEST"),
        ("a head of 17 KiB", post("/v1/extensions/rule:invoke").header("x-long", &long), 431, ""),
        (
            "a body that never comes",
            Request::new("POST", "/v1/extensions/rule:invoke?timeout_ms=50").token(&token).header("content-length", "9"),
            504,
            "DEADLINE",
        ),
        ("no HTTP", Request::new("GARBAGE\x01", "\x02"), 400, ""),
    ];
    for endpoint in [stage.platform.tcp(), stage.platform.unix()] {
        for (attack, request, status, code) in &rows {
            let reply = request.send(&endpoint).await;
            assert_eq!((reply.status, reply.error_code().as_str()), (*status, *code), "{attack}: {}", reply.text());
            let next = stage.good().fire(&Transport::Http(endpoint.clone())).await;
            assert_eq!(next.output, "{\"by\":1}", "after {attack}");
        }
    }
}

#[tokio::test]
async fn an_unknown_kind_is_refused() {
    let stage = Stage::new().await;
    let token = stage.platform.token(&stage.acme);
    for (name, transport) in &stage.transports {
        let told = match transport {
            Transport::Grpc(channel) => {
                let mut request = tonic::Request::new(ListExtensionsRequest { kind: 77 });
                request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
                let refused = event(WasmExtensionRuntimeClient::new(channel.clone()).list_extensions(request)).await.unwrap_err();
                assert_eq!(refused.code(), Code::InvalidArgument);
                Hit::refused(&refused).error_code
            }
            Transport::Http(endpoint) => Request::get("/v1/extensions?kind=workflow").token(&token).send(endpoint).await.error_code(),
        };
        assert_eq!(told, "BAD_REQUEST", "{name}");
    }
}
