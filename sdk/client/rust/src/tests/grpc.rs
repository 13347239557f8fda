//! The gRPC client against a scripted runtime.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use extensions_proto::{
    refusal_details,
    v1::{
        self, ErrorDetail, InvokeExtensionBatchRequest, InvokeExtensionBatchResponse, InvokeExtensionRequest, InvokeExtensionResponse,
        ListExtensionsRequest, ListExtensionsResponse,
        wasm_extension_runtime_server::{WasmExtensionRuntime, WasmExtensionRuntimeServer},
    },
};
use extensions_types::{ActorType, Environment, ErrorCode, Kind, RiskTier, with_causes};
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::{Code, Request, Response, Status, transport::Server};

use super::{TRACE, dead_port, tcp};
use crate::{Client, Context, Endpoint, Invoke, InvokeError};

/// Answers in order, then never; keeps what was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Result<InvokeExtensionResponse, Status>>>>,
    asked: Arc<Mutex<Vec<(InvokeExtensionRequest, http::HeaderMap)>>>,
    batches: Arc<Mutex<Vec<InvokeExtensionBatchRequest>>>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Result<InvokeExtensionResponse, Status>>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), asked: Arc::default(), batches: Arc::default() }
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    async fn serve(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = WasmExtensionRuntimeServer::new(self.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        Client::builder().token("abc.def.ghi").connect(&tcp(port)).unwrap()
    }
}

#[tonic::async_trait]
impl WasmExtensionRuntime for Script {
    async fn invoke_extension(&self, request: Request<InvokeExtensionRequest>) -> Result<Response<InvokeExtensionResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        self.asked.lock().unwrap().push((request.into_inner(), headers));
        let next = self.answers.lock().unwrap().pop_front();
        match next {
            Some(answer) => {
                let mut response = Response::new(answer?);
                response.metadata_mut().insert("x-ameide-correlation-id", "c-7".parse().unwrap());
                Ok(response)
            }
            None => std::future::pending().await,
        }
    }

    /// One scripted answer for each input; a status answers for all of them.
    async fn invoke_extension_batch(&self, request: Request<InvokeExtensionBatchRequest>) -> Result<Response<InvokeExtensionBatchResponse>, Status> {
        let batch = request.into_inner();
        let answers: Vec<_> = {
            let mut answers = self.answers.lock().unwrap();
            (0..batch.inputs.len()).map_while(|_| answers.pop_front()).collect()
        };
        self.batches.lock().unwrap().push(batch);
        let result = |answer: Result<InvokeExtensionResponse, Status>| {
            let InvokeExtensionResponse { output_json, error_code, error_msg, served_version, stats, fallback } = answer?;
            Ok(v1::BatchResult { output_json, error_code, error_msg, served_version, stats, fallback, retry_after_ms: 0 })
        };
        let results = answers.into_iter().map(result).collect::<Result<_, Status>>()?;
        let mut response = Response::new(InvokeExtensionBatchResponse { results });
        response.metadata_mut().insert("x-ameide-correlation-id", "c-7".parse().unwrap());
        Ok(response)
    }

    async fn list_extensions(&self, request: Request<ListExtensionsRequest>) -> Result<Response<ListExtensionsResponse>, Status> {
        let summary = v1::ExtensionSummary {
            extension_id: "vat".into(),
            kind: request.into_inner().kind,
            served_version: "3".into(),
            risk_tier: v1::RiskTier::Low.into(),
            tool: Some(v1::ToolDescription { name: "vat".into(), ..Default::default() }),
            ..Default::default()
        };
        Ok(Response::new(ListExtensionsResponse { extensions: vec![summary] }))
    }
}

fn good() -> InvokeExtensionResponse {
    InvokeExtensionResponse {
        output_json: r#"{"ok":true}"#.into(),
        served_version: "12".into(),
        stats: Some(v1::InvocationStats { cpu_micros: 41, wall_micros: 90, host_calls: 1, ..Default::default() }),
        ..Default::default()
    }
}

fn refused(code: ErrorCode, retry_after_ms: u32) -> Status {
    let detail = ErrorDetail { error_code: code.as_str().into(), retry_after_ms, correlation_id: "c-1".into() };
    let number = code.grpc() as i32;
    Status::with_details(Code::from_i32(number), "said no", refusal_details(number, "said no", &detail))
}

#[tokio::test]
async fn a_call_carries_all_that_was_said() {
    let script = Script::of([Ok(good())]);
    let context = Context::new()
        .tenant("acme")
        .org("sales")
        .user("ada")
        .actor_type(ActorType::Agent)
        .session("s-1")
        .correlation("c-7")
        .env(Environment::Dev)
        .risk_ceiling(RiskTier::High);
    let call = Invoke::new("order-discount")
        .json(&serde_json::json!({"total": 1}))
        .unwrap()
        .point("BeforeCreateOrder")
        .version("12")
        .caller("orders")
        .context(context)
        .timeout(Duration::from_secs(2))
        .traceparent(TRACE);
    let answer = script.serve().await.invoke(call).await.unwrap();
    assert_eq!((answer.output.as_ref(), answer.served_version.get()), (br#"{"ok":true}"#.as_slice(), 12));
    assert_eq!((answer.stats.unwrap().cpu, answer.fallback), (Duration::from_micros(41), None));
    assert_eq!(answer.correlation.as_deref(), Some("c-7"));

    let (request, headers) = script.asked.lock().unwrap().pop().unwrap();
    let ctx = request.ctx.unwrap();
    assert_eq!((ctx.tenant_id.as_str(), ctx.org_id.as_str(), ctx.user_id.as_str()), ("acme", "sales", "ada"));
    assert_eq!((ctx.session_id.as_str(), ctx.correlation_id.as_str(), ctx.env.as_str()), ("s-1", "c-7", "dev"));
    assert_eq!((ctx.actor_type, ctx.risk_tier), (v1::ActorType::Agent.into(), v1::RiskTier::High.into()));
    assert_eq!((request.extension_id.as_str(), request.version.as_str()), ("order-discount", "12"));
    assert_eq!((request.hook_point.as_str(), request.caller.as_str()), ("BeforeCreateOrder", "orders"));
    assert_eq!(request.input_json, r#"{"total":1}"#);
    assert!((1900..=2000).contains(&request.timeout_ms), "{}", request.timeout_ms);
    assert_eq!((&headers["authorization"], &headers["traceparent"]), (&"Bearer abc.def.ghi".parse().unwrap(), &TRACE.parse().unwrap()));
    assert!(headers.contains_key("grpc-timeout"));
}

#[tokio::test]
async fn an_outcome_is_not_repeated() {
    let trapped = InvokeExtensionResponse { error_code: "TRAP".into(), error_msg: "unreachable".into(), output_json: "".into(), ..good() };
    let script = Script::of([Ok(trapped)]);
    let InvokeError::Outcome(outcome) = script.serve().await.invoke(Invoke::new("x")).await.unwrap_err() else { panic!("no outcome") };
    assert_eq!((outcome.code, outcome.message.as_str()), (ErrorCode::Trap, "unreachable"));
    assert_eq!((outcome.served_version.unwrap().get(), outcome.stats.unwrap().host_calls), (12, 1));
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn a_fallback_is_said() {
    let fallback = v1::Fallback { action: "skip".into(), cause: "trap".into(), message: "unreachable".into() };
    let script = Script::of([Ok(InvokeExtensionResponse { fallback: Some(fallback), ..good() })]);
    let answer = script.serve().await.invoke(Invoke::new("x")).await.unwrap();
    assert_eq!(answer.fallback.map(|fallback| (fallback.action, fallback.cause)), Some(("skip".into(), "trap".into())));
}

#[tokio::test]
async fn a_hint_is_followed_a_bounded_number_of_times() {
    let full = || Err(refused(ErrorCode::Overloaded, 1));
    let script = Script::of([full(), full(), Ok(good())]);
    assert!(script.serve().await.invoke(Invoke::new("x")).await.is_ok());
    assert_eq!(script.calls(), 3);

    let script = Script::of([full(), full(), full(), Ok(good())]);
    let InvokeError::Refused(refused) = script.serve().await.invoke(Invoke::new("x")).await.unwrap_err() else { panic!("not refused") };
    assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::Overloaded, "said no"));
    assert_eq!((refused.retry_after, refused.correlation.as_deref()), (Some(Duration::from_millis(1)), Some("c-1")));
    assert_eq!(script.calls(), 3);
}

#[tokio::test]
async fn what_a_retry_cannot_help_is_not_repeated() {
    for code in [ErrorCode::NotFound, ErrorCode::Unauthenticated, ErrorCode::Deadline, ErrorCode::Internal] {
        let script = Script::of([Err(refused(code, 1))]);
        let error = script.serve().await.invoke(Invoke::new("x")).await.unwrap_err();
        assert_eq!((error.code(), script.calls()), (Some(code), 1));
    }
}

#[tokio::test]
async fn the_deadline_ends_a_silent_host() {
    let script = Script::default();
    let error = script.serve().await.invoke(Invoke::new("x").timeout(Duration::from_millis(50))).await.unwrap_err();
    assert_eq!((error.code(), script.calls()), (Some(ErrorCode::Deadline), 1));
}

#[tokio::test]
async fn a_dead_address_is_unreachable_and_unsent() {
    let (_held, port) = dead_port();
    let client = Client::builder().retries(1).connect(&tcp(port)).unwrap();
    let error = client.invoke(Invoke::new("x")).await.unwrap_err();
    assert!(matches!(error, InvokeError::Unreachable { sent: false, .. }), "{error:?}");
    let told = with_causes(&error);
    assert!(told.contains("refused") && !told.contains("Error"), "words, no code: {told}");
    let missing: Endpoint = "unix:/nonexistent/ext.sock".parse().unwrap();
    let error = Client::builder().retries(0).connect(&missing).unwrap().invoke(Invoke::new("x")).await.unwrap_err();
    assert!(matches!(error, InvokeError::Unreachable { sent: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_unix_socket_works_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ext.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let service = WasmExtensionRuntimeServer::new(Script::of([Ok(good())]));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(UnixListenerStream::new(listener)));
    let client = Client::connect(&format!("unix:{}", path.display()).parse().unwrap()).unwrap();
    assert!(client.invoke(Invoke::new("x")).await.is_ok());
}

#[tokio::test]
async fn extensions_are_listed() {
    let client = Script::default().serve().await;
    let listed = client.list(Some(Kind::AgentTool)).await.unwrap();
    assert_eq!((listed[0].id.as_str(), listed[0].kind, listed[0].served_version.get()), ("vat", Kind::AgentTool, 3));
    assert_eq!(listed[0].tool.as_ref().map(|tool| tool.name.as_str()), Some("vat"));
    // A kind that nobody named is not ours.
    assert!(matches!(client.list(None).await.unwrap_err(), InvokeError::Protocol { .. }));
}

#[tokio::test]
async fn tokens_and_traces_cannot_smuggle_headers() {
    assert!(Client::builder().token("a\r\nb: c").connect(&tcp(1)).is_err());
    assert!(Client::builder().token("").connect(&tcp(1)).is_err());
    let client = Client::connect(&tcp(1)).unwrap();
    assert!(client.with_token("a b").is_err());
    assert!(!format!("{:?}", client.with_token("secret").unwrap()).contains("secret"));
    let error = client.invoke(Invoke::new("x").traceparent("a\nb")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::BadRequest));
}

#[tokio::test]
async fn a_batch_has_a_result_for_each_input() {
    let trapped = InvokeExtensionResponse { error_code: "TRAP".into(), error_msg: "unreachable".into(), output_json: "".into(), ..good() };
    let script = Script::of([Ok(good()), Ok(trapped), Ok(good())]);
    let call = Invoke::new("order-discount").version("12").point("BeforeCreateOrder").context(Context::new().tenant("acme"));
    let batch = call.timeout(Duration::from_secs(20)).batch(["{\"total\":1}", "{\"total\":2}", "{\"total\":3}"]);
    let results = script.serve().await.invoke_batch(batch).await.unwrap();
    let codes: Vec<_> = results.iter().map(|result| result.as_ref().err().and_then(InvokeError::code)).collect();
    assert_eq!(codes, [None, Some(ErrorCode::Trap), None]);
    let answer = results[2].as_ref().unwrap();
    assert_eq!((answer.output.as_ref(), answer.correlation.as_deref()), (br#"{"ok":true}"#.as_slice(), Some("c-7")));

    let asked = script.batches.lock().unwrap().pop().unwrap();
    assert_eq!((asked.extension_id.as_str(), asked.version.as_str(), asked.hook_point.as_str()), ("order-discount", "12", "BeforeCreateOrder"));
    assert_eq!((asked.inputs[1].as_ref(), asked.ctx.unwrap().tenant_id.as_str()), (br#"{"total":2}"#.as_slice(), "acme"));
    assert!((18_000..=19_000).contains(&asked.timeout_ms), "the host answers before its caller leaves: {}", asked.timeout_ms);
}

#[tokio::test]
async fn a_batch_that_did_not_run_is_repeated_as_one() {
    let script = Script::of([Err(refused(ErrorCode::Unavailable, 1)), Ok(good())]);
    let results = script.serve().await.invoke_batch(Invoke::new("x").batch(["1"])).await.unwrap();
    assert!(results[0].is_ok());
    assert_eq!(script.batches.lock().unwrap().len(), 2);
    let short = Script::of([Ok(good())]);
    let error = short.serve().await.invoke_batch(Invoke::new("x").batch(["1", "2"])).await.unwrap_err();
    assert!(matches!(error, InvokeError::Protocol { .. }), "{error:?}");
}
