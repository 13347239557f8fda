//! InvokeExtension and ListExtensions as generated and as hostile clients send them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use extensions_proto::v1::{ActorType, ExecutionContext, InvokeExtensionRequest, InvokeExtensionResponse, ListExtensionsRequest, RiskTier};
use extensions_types::{ErrorCode, ExtensionDefinition};
use http_body::{Body, Frame};
use http_body_util::Full;
use prost::Message as _;
use tonic::Code;

use crate::support::{INPUT_BYTES_MAX, code_of, event, grpc_answer, grpc_head, http2, settings, start, with_token};

const INVOKE: &str = "/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension";

fn call(extension: &str) -> InvokeExtensionRequest {
    InvokeExtensionRequest { extension_id: extension.into(), input_json: Bytes::from_static(b"{\"a\":1}"), ..Default::default() }
}

fn framed(message: &InvokeExtensionRequest) -> Vec<u8> {
    let message = message.encode_to_vec();
    [&[0], (message.len() as u32).to_be_bytes().as_slice(), &message].concat()
}

/// One chunk, then nothing, and never an end.
struct Unending(Option<Bytes>);

impl Body for Unending {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |chunk| Poll::Ready(Some(Ok(Frame::data(chunk)))))
    }
}

#[tokio::test]
async fn a_call_is_answered_with_its_cost() {
    let running = start(&settings());
    let mut client = running.client().await;
    let mut request = call("echo");
    request.ctx = Some(ExecutionContext { correlation_id: "order-1".into(), ..Default::default() });
    let response = client.invoke_extension(with_token(request)).await.unwrap();
    assert_eq!(response.metadata().get("x-ameide-correlation-id").unwrap(), "order-1");
    let response = response.into_inner();
    assert_eq!(response.output_json, "{\"a\":1}");
    assert_eq!((response.served_version.as_str(), response.error_code.as_str()), ("3", ""));
    let stats = response.stats.unwrap();
    assert_eq!((stats.cpu_micros, stats.wall_micros, stats.memory_peak_bytes, stats.host_calls), (41, 63, 7, 1));
}

#[tokio::test]
async fn large_messages_pass_both_ways() {
    let running = start(&settings());
    let mut client = running.client().await;
    let input = Bytes::from(vec![b'x'; INPUT_BYTES_MAX]);
    let request = InvokeExtensionRequest { input_json: input.clone(), ..call("echo") };
    assert_eq!(client.invoke_extension(with_token(request)).await.unwrap().into_inner().output_json, input);
    let request = InvokeExtensionRequest { input_json: vec![b'x'; INPUT_BYTES_MAX * 2].into(), ..call("echo") };
    let refused = client.invoke_extension(with_token(request)).await.unwrap_err();
    assert_eq!((refused.code(), code_of(&refused).as_str()), (Code::InvalidArgument, "INPUT_TOO_LARGE"));
}

#[tokio::test]
async fn the_request_reaches_the_service_whole() {
    let running = start(&settings());
    let mut client = running.client().await;
    let mut request =
        InvokeExtensionRequest { version: "2".into(), hook_point: "p".into(), caller: "orders".into(), timeout_ms: 500, ..call("mirror") };
    request.ctx = Some(ExecutionContext {
        tenant_id: "t".into(),
        org_id: "o".into(),
        user_id: "u".into(),
        actor_type: ActorType::Agent.into(),
        session_id: "s".into(),
        correlation_id: "c".into(),
        env: "dev".into(),
        risk_tier: RiskTier::High.into(),
    });
    let mut request = with_token(request);
    request.set_timeout(Duration::from_millis(300));
    let seen = client.invoke_extension(request).await.unwrap().into_inner().output_json;
    let expected = serde_json::json!({
        "version": "2", "hook_point": "p", "caller": "orders", "tenant_id": "t", "org_id": "o", "user_id": "u", "actor_type": "AGENT",
        "session_id": "s", "correlation_id": "c", "env": "dev", "risk_tier": "high", "timeout_micros": 300_000, "input_bytes": 7,
    });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&seen).unwrap(), expected);
}

#[tokio::test]
async fn every_code_travels_as_the_table_says() {
    let running = start(&settings());
    let mut client = running.client().await;
    for &code in ErrorCode::ALL {
        let answered = client.invoke_extension(with_token(call(code.as_str()))).await;
        if code.is_outcome() {
            let answer = answered.unwrap().into_inner();
            assert_eq!((answer.error_code.as_str(), answer.error_msg.as_str()), (code.as_str(), "scripted"));
            assert!(answer.output_json.is_empty());
        } else {
            let status = answered.unwrap_err();
            assert_eq!((status.code() as i32, status.message()), (code.grpc() as i32, "scripted"), "{code}");
            let detail = extensions_proto::detail_of(status.details()).unwrap();
            assert_eq!((detail.error_code.as_str(), detail.retry_after_ms), (code.as_str(), 25));
            assert!(!detail.correlation_id.is_empty());
        }
    }
}

#[tokio::test]
async fn a_fallback_says_so() {
    let running = start(&settings());
    let answer = running.client().await.invoke_extension(with_token(call("fallback"))).await.unwrap().into_inner();
    let fallback = answer.fallback.unwrap();
    assert_eq!((fallback.action.as_str(), fallback.cause.as_str(), fallback.message.as_str()), ("last_good", "host_call", "scripted"));
    assert_eq!((answer.error_code.as_str(), answer.served_version.as_str()), ("", "3"));
}

#[tokio::test]
async fn a_panic_ends_its_own_call_only() {
    let running = start(&settings());
    let mut client = running.client().await;
    let refused = client.invoke_extension(with_token(call("panic"))).await.unwrap_err();
    assert_eq!((refused.code(), code_of(&refused).as_str()), (Code::Internal, "INTERNAL"));
    assert!(!refused.message().contains("scripted"), "{}", refused.message());
    assert!(client.invoke_extension(with_token(call("echo"))).await.is_ok());
}

#[tokio::test]
async fn extensions_are_listed_with_their_tools() {
    let running = start(&settings());
    running.script.listed.lock().unwrap().push(std::sync::Arc::new(tool()));
    let mut client = running.client().await;
    let listed = client.list_extensions(with_token(ListExtensionsRequest::default())).await.unwrap().into_inner().extensions;
    assert_eq!((listed[0].extension_id.as_str(), listed[0].kind, listed[0].served_version.as_str()), ("vat", 3, "2"));
    let described = listed[0].tool.as_ref().unwrap();
    assert_eq!((described.name.as_str(), &described.input_schema), ("vat", &Bytes::from_static(b"{\"type\":\"object\"}")));
    assert!(described.output_schema.is_empty());
    let hooks = client.list_extensions(with_token(ListExtensionsRequest { kind: 2 })).await.unwrap().into_inner();
    assert!(hooks.extensions.is_empty());
    let unknown = client.list_extensions(with_token(ListExtensionsRequest { kind: 9 })).await.unwrap_err();
    assert_eq!(code_of(&unknown), "BAD_REQUEST");
}

pub(crate) fn tool() -> ExtensionDefinition {
    let definition = serde_json::json!({
        "schema": 1, "id": "vat", "tenant_id": "acme", "kind": "agent_tool", "abi": "wit@1.0.0", "version": 2, "digest": "00",
        "limits": extensions_types::Limits::default(), "risk_tier": "low", "schemas": {"input": {"type": "object"}},
        "tool": {"name": "vat", "description": "Adds VAT."},
        "metadata": {"description": "Tax.", "created_by": "someone", "tags": ["tax"]},
    });
    serde_json::from_value(definition).unwrap()
}

#[tokio::test]
async fn broken_calls_are_named() {
    let running = start(&settings());
    let mut sender = http2(running.connect().await).await;
    let wire = framed(&call("echo"));
    let invalid = [
        ("no message", Vec::new()),
        ("half a prefix", wire[..3].to_vec()),
        ("half a message", wire[..wire.len() - 1].to_vec()),
        ("two messages", [wire.as_slice(), &wire].concat()),
        ("not protobuf", vec![0, 0, 0, 0, 2, 0xff, 0xff]),
        ("no gRPC", b"{\"extension_id\":\"echo\"}".to_vec()),
    ];
    for (what, body) in invalid {
        let request = grpc_head(INVOKE).body(Full::from(body)).unwrap();
        let (status, _, headers) = grpc_answer(sender.send_request(request).await.unwrap()).await;
        assert_eq!(status, 3, "{what}: {headers:?}");
    }
    let unimplemented = [
        grpc_head(INVOKE).header("grpc-encoding", "gzip").body(Full::from(wire.clone())),
        grpc_head(INVOKE).body(Full::from([&[1], &wire[1..]].concat())),
        grpc_head("/ameide.extensions.v1.WasmExtensionRuntime/Other").body(Full::from(wire.clone())),
        grpc_head("/other.Service/Other").body(Full::from(wire.clone())),
    ];
    for request in unimplemented {
        let (status, _, headers) = grpc_answer(sender.send_request(request.unwrap()).await.unwrap()).await;
        assert_eq!(status, 12, "{headers:?}");
    }
    let request = grpc_head(INVOKE).body(Full::from(wire)).unwrap();
    let (status, message, _) = grpc_answer(sender.send_request(request).await.unwrap()).await;
    assert_eq!(status, 0, "the connection is unharmed");
    assert_eq!(InvokeExtensionResponse::decode(&message[5..]).unwrap().output_json, "{\"a\":1}");
}

#[tokio::test]
async fn timeouts_of_every_form_are_read_or_refused() {
    let running = start(&settings());
    let mut sender = http2(running.connect().await).await;
    let cases = [
        ("1H", Some(3_600_000_000u64)),
        ("60000m", Some(60_000_000)),
        ("99999999u", Some(99_999_999)),
        ("123456789m", None),
        ("5", None),
        ("5x", None),
        ("-5m", None),
    ];
    for (text, expected) in cases {
        let request = grpc_head(INVOKE).header("grpc-timeout", text).body(Full::from(framed(&call("mirror")))).unwrap();
        let (status, message, _) = grpc_answer(sender.send_request(request).await.unwrap()).await;
        match expected {
            None => assert_eq!(status, 3, "{text}"),
            Some(micros) => {
                let output = InvokeExtensionResponse::decode(&message[5..]).unwrap().output_json;
                assert_eq!(serde_json::from_slice::<serde_json::Value>(&output).unwrap()["timeout_micros"], micros, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_claimed_length_is_refused_before_it_is_sent() {
    let running = start(&settings());
    let mut sender = http2(running.connect().await).await;
    let request = grpc_head(INVOKE).body(Unending(Some(Bytes::from_static(&[0, 0x7f, 0xff, 0xff, 0xff])))).unwrap();
    let (status, _, headers) = grpc_answer(event(sender.send_request(request)).await.unwrap()).await;
    assert_eq!(status, 3);
    assert!(headers["grpc-message"].to_str().unwrap().contains("larger than"));
}

#[tokio::test]
async fn the_token_counts_before_the_body() {
    let running = start(&settings());
    let mut sender = http2(running.connect().await).await;
    let mut request = grpc_head(INVOKE).body(Unending(None)).unwrap();
    request.headers_mut().remove("authorization");
    let (status, _, _) = grpc_answer(event(sender.send_request(request)).await.unwrap()).await;
    assert_eq!(status, 16);
}

#[tokio::test]
async fn other_content_types_are_told_the_way() {
    let running = start(&settings());
    let mut sender = http2(running.connect().await).await;
    let request = http::Request::post(format!("http://front{INVOKE}")).header("content-type", "application/json").body(Full::from("{}")).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 415);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_caller_that_leaves_drops_its_call() {
    let running = start(&settings());
    let mut client = running.client().await;
    let calling = tokio::spawn(async move { client.invoke_extension(with_token(call("hold"))).await });
    event(running.script.entered.acquire()).await.unwrap().forget();
    calling.abort();
    event(running.script.dropped.acquire()).await.unwrap().forget();
}
