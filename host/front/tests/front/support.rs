//! A scripted service, a running front, and clients that speak raw bytes.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use extensions_admission::{Answer, Asked, AskedSwitch, BatchAnswer, BatchRequest, Refusal, Request};
use extensions_engine::{Failure, Stats};
use extensions_front::{Front, FrontSettings, Mount, Service, Timeouts};
use extensions_identity::Verifier;
use extensions_proto::v1::wasm_extension_runtime_client::WasmExtensionRuntimeClient;
use extensions_types::{
    CallLabel, ControlSource, ErrorCode, ExtensionDefinition, FailureCause, Fallback, FallbackAction, Kind, Provenance, Switch, SwitchTarget, Version,
};
use http::{HeaderMap, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};
use tonic::transport::{Channel, Endpoint};

/// What the scripted service takes as input.
pub(crate) const INPUT_BYTES_MAX: usize = 64 << 10;
/// No test waits longer for an event; only a failure is this slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Does what the extension's id says.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) ready: AtomicBool,
    pub(crate) authenticated: AtomicUsize,
    /// One permit for each call that has entered, was let go, or was dropped.
    pub(crate) entered: Semaphore,
    pub(crate) release: Semaphore,
    pub(crate) dropped: Semaphore,
    pub(crate) listed: Mutex<Vec<Arc<ExtensionDefinition>>>,
    pub(crate) log: Mutex<Vec<serde_json::Value>>,
    pub(crate) switches: Mutex<Vec<Switch>>,
    /// For tokens that no script knows.
    pub(crate) verifier: OnceLock<Verifier>,
}

#[derive(Debug)]
pub(crate) struct Caller {
    operator: bool,
}

struct OnDrop<'s>(&'s Semaphore);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn answer(result: Result<Bytes, Failure>, correlation: &str) -> Answer {
    let stats = Stats { cpu: Duration::from_micros(41), wall: Duration::from_micros(63), memory_peak_bytes: 7, host_calls: 1, ..Stats::default() };
    let correlation = CallLabel::parse(correlation).unwrap_or_else(|_| CallLabel::parse("made-up").unwrap());
    Answer { result, served_version: Version::new(3).unwrap(), correlation, stats, fallback: None }
}

impl Service for Script {
    type Principal = Caller;
    type LogRecord = serde_json::Value;
    type Catalogs = serde_json::Value;
    type About = std::collections::BTreeMap<&'static str, &'static str>;
    type Control = serde_json::Value;

    async fn authenticate(&self, channel: &extensions_identity::Channel, bearer: Option<&str>) -> Result<Caller, Refusal> {
        self.authenticated.fetch_add(1, SeqCst);
        match bearer {
            Some("good") => Ok(Caller { operator: false }),
            Some("operator") => Ok(Caller { operator: true }),
            other => match (self.verifier.get(), other) {
                (Some(verifier), Some(token)) => {
                    let verified = verifier.verify_soon(channel, token).await;
                    verified.map(|_| Caller { operator: false }).map_err(|error| Refusal::new(error.code(), error.to_string()))
                }
                _ => Err(Refusal::new(ErrorCode::Unauthenticated, "no valid token")),
            },
        }
    }

    fn holder(&self, caller: &Caller) -> impl std::hash::Hash {
        caller.operator
    }

    async fn invoke(&self, _: &Caller, request: Request<'_>) -> Result<Answer, Refusal> {
        let correlation = request.asked.context.correlation_id;
        match request.asked.extension_id {
            "echo" => Ok(answer(Ok(request.input), correlation)),
            "mirror" => Ok(answer(Ok(mirror(&request).to_string().into()), correlation)),
            "fallback" => {
                let fallback = Fallback { action: FallbackAction::LastGood, cause: FailureCause::HostCall, message: "scripted".to_owned() };
                Ok(Answer { fallback: Some(fallback), ..answer(Ok(request.input), correlation) })
            }
            "panic" => panic!("scripted"),
            "hold" => {
                let _on_drop = OnDrop(&self.dropped);
                self.entered.add_permits(1);
                self.release.acquire().await.unwrap().forget();
                Ok(answer(Ok(request.input), correlation))
            }
            other => match other.parse::<ErrorCode>().expect("an id of the script") {
                code if code.is_outcome() => Ok(answer(Err(Failure::new(code, "scripted")), correlation)),
                code => Err(Refusal { retry_after: Some(Duration::from_millis(25)), ..Refusal::new(code, "scripted") }),
            },
        }
    }

    /// Each input is a call of its own; a text that is one is a call of the extension of that name.
    async fn invoke_batch(&self, caller: &Caller, request: BatchRequest<'_>) -> Result<BatchAnswer, Refusal> {
        let BatchRequest { asked, inputs } = request;
        let mut results = Vec::with_capacity(inputs.len());
        for input in inputs {
            let named: Option<String> = serde_json::from_slice(&input).ok();
            let asked = Asked { extension_id: named.as_deref().unwrap_or(asked.extension_id), ..asked };
            results.push(self.invoke(caller, Request { asked, input }).await);
        }
        let correlation = CallLabel::parse(asked.context.correlation_id).unwrap_or_else(|_| CallLabel::parse("made-up").unwrap());
        Ok(BatchAnswer { correlation, results })
    }

    async fn list(&self, _: &Caller, kind: Option<Kind>) -> Result<Vec<Arc<ExtensionDefinition>>, Refusal> {
        let listed = self.listed.lock().unwrap();
        Ok(listed.iter().filter(|definition| kind.is_none_or(|kind| definition.kind == kind)).cloned().collect())
    }

    fn logs(&self, _: &Caller, extension: &str, after: u64, max: usize) -> Result<Vec<serde_json::Value>, Refusal> {
        if extension != "echo" {
            return Err(Refusal::new(ErrorCode::NotFound, "no such extension"));
        }
        let log = self.log.lock().unwrap();
        Ok(log.iter().filter(|record| Self::log_seq(record) > after).take(max).cloned().collect())
    }

    fn log_seq(record: &serde_json::Value) -> u64 {
        record["seq"].as_u64().unwrap()
    }

    fn authorize_admin(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.operator { Ok(()) } else { Err(Refusal::new(ErrorCode::PermissionDenied, "needs platform:operate")) }
    }

    fn ready(&self) -> bool {
        self.ready.load(SeqCst)
    }

    fn local_switches(&self) -> Vec<Switch> {
        self.switches.lock().unwrap().clone()
    }

    async fn switch_off(&self, _: &Caller, asked: AskedSwitch) -> Result<(), Refusal> {
        let set = Provenance::new(ControlSource::Operator, asked.why, 0, 0);
        self.switches.lock().unwrap().push(Switch { target: asked.target, set, until_ms: asked.until_ms, abort: asked.abort });
        Ok(())
    }

    async fn switch_on(&self, _: &Caller, target: SwitchTarget) -> Result<bool, Refusal> {
        let mut switches = self.switches.lock().unwrap();
        let before = switches.len();
        switches.retain(|switch| switch.target != target);
        Ok(switches.len() < before)
    }

    fn control(&self) -> serde_json::Value {
        serde_json::json!([])
    }

    fn effective(&self, env: &str, tenant: &str, extension: &str) -> Result<Vec<u8>, Refusal> {
        Ok(serde_json::json!([env, tenant, extension]).to_string().into_bytes())
    }

    fn about(&self) -> Self::About {
        [("build", "scripted")].into()
    }

    fn catalogs(&self) -> serde_json::Value {
        serde_json::json!({"dev": {"ready": true}})
    }

    fn input_bytes_max(&self) -> usize {
        INPUT_BYTES_MAX
    }
}

/// The request as the service saw it.
fn mirror(request: &Request<'_>) -> serde_json::Value {
    let (asked, context) = (&request.asked, &request.asked.context);
    serde_json::json!({
        "version": asked.version, "hook_point": context.hook_point, "caller": context.caller,
        "tenant_id": context.tenant_id, "org_id": context.org_id, "user_id": context.user_id, "actor_type": context.actor_type,
        "session_id": context.session_id, "correlation_id": context.correlation_id, "env": context.env, "risk_tier": context.risk_tier,
        "timeout_micros": asked.timeout.map(|timeout| timeout.as_micros() as u64),
        "input_bytes": request.input.len(),
    })
}

/// A front on free ports. Cut when dropped.
pub(crate) struct Running {
    pub(crate) front: Front,
    pub(crate) script: Arc<Script>,
    pub(crate) address: SocketAddr,
}

pub(crate) fn settings() -> FrontSettings {
    FrontSettings {
        listen: Some(([127, 0, 0, 1], 0).into()),
        io_threads: 2,
        drain_notice: Duration::ZERO,
        timeouts: Timeouts { header_read: PATIENCE, ..Timeouts::default() },
        ..FrontSettings::default()
    }
}

pub(crate) fn start(settings: &FrontSettings) -> Running {
    start_mounted(settings, None)
}

pub(crate) fn start_mounted(settings: &FrontSettings, mount: Option<Arc<dyn Mount>>) -> Running {
    let script = Arc::new(Script {
        ready: AtomicBool::new(true),
        authenticated: AtomicUsize::new(0),
        entered: Semaphore::new(0),
        release: Semaphore::new(0),
        dropped: Semaphore::new(0),
        listed: Mutex::default(),
        log: Mutex::default(),
        switches: Mutex::default(),
        verifier: OnceLock::new(),
    });
    let front = Front::start(settings, Arc::clone(&script), mount, Arc::new(Mutex::new(Registry::with_prefix("extensions")))).unwrap();
    let address = front.addresses().tcp.unwrap();
    Running { front, script, address }
}

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> WasmExtensionRuntimeClient<Channel> {
        WasmExtensionRuntimeClient::new(self.channel().await)
    }
}

/// A request with a good token.
pub(crate) fn with_token<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", "Bearer good".parse().unwrap());
    request
}

/// Waits for an event, but not forever.
pub(crate) async fn event<T>(waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waiting).await.expect("the event did not come")
}

/// Sends bytes and reads until the peer closes.
pub(crate) async fn raw<T: AsyncRead + AsyncWrite + Unpin>(mut io: T, bytes: impl AsRef<[u8]>) -> String {
    io.write_all(bytes.as_ref()).await.unwrap();
    to_end(io).await
}

/// Everything until the peer closes; a reset counts as closing.
pub(crate) async fn to_end<T: AsyncRead + Unpin>(mut io: T) -> String {
    let mut all = Vec::new();
    let mut part = [0; 4096];
    loop {
        match event(io.read(&mut part)).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(count) => all.extend_from_slice(&part[..count]),
        }
    }
}

/// One HTTP/1 request on a connection of its own; `head` without the last empty line.
pub(crate) async fn http1(running: &Running, head: &str, body: &str) -> Parsed {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let text = raw(running.connect().await, format!("{head}\r\nhost: x\r\nconnection: close\r\n{length}\r\n{body}")).await;
    Parsed::of(&text)
}

/// The same with a good token.
pub(crate) async fn authorised(running: &Running, line: &str, body: &str) -> Parsed {
    http1(running, &format!("{line} HTTP/1.1\r\nauthorization: Bearer good"), body).await
}

/// A response, taken apart.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Parsed {
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap())
        };
        Self { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Status, content type and code of a problem document.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status);
        assert_eq!(document["correlation_id"], self.headers["x-ameide-correlation-id"].to_str().unwrap());
        (self.status, document["error_code"].as_str().unwrap().to_owned())
    }
}

/// A bare HTTP/2 client: sends what no gRPC library would.
pub(crate) async fn http2<T, B>(io: T) -> hyper::client::conn::http2::SendRequest<B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes, Error = std::convert::Infallible> + Send + Unpin + 'static,
{
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// An HTTP/2 frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = &(payload.len() as u32).to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a gRPC request with a good token.
pub(crate) fn grpc_head(path: &str) -> http::request::Builder {
    let uri = format!("http://front{path}");
    http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers").header("authorization", "Bearer good")
}

/// A gRPC answer: status, message bytes, and all headers and trailers.
pub(crate) async fn grpc_answer(response: Response<hyper::body::Incoming>) -> (i32, Bytes, HeaderMap) {
    let (head, body) = response.into_parts();
    let collected = event(body.collect()).await.unwrap();
    let mut headers = head.headers;
    headers.extend(collected.trailers().cloned().unwrap_or_default());
    let status = headers["grpc-status"].to_str().unwrap().parse().unwrap();
    (status, collected.to_bytes(), headers)
}

/// `ErrorDetail.error_code` of a refusal.
pub(crate) fn code_of(status: &tonic::Status) -> String {
    extensions_proto::detail_of(status.details()).expect("every refusal has a detail").error_code
}
