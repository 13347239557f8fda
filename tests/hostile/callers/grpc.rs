//! gRPC below its libraries: any headers, any frames.

use bytes::{Bytes, BytesMut};
use extensions_proto::{
    detail_of,
    v1::{ExecutionContext, InvokeExtensionRequest, InvokeExtensionResponse},
};
use extensions_test_support::event;
use http::{HeaderMap, Method, Request, Version};
use prost::Message as _;

use super::wire::{dial, serve_rule};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "grpc-frame-lies",
        about: "message prefixes that lie: compressed, too long, too short, too many",
        run: |stage| Box::pin(frames(stage)),
    },
    Attack { name: "protobuf-bombs", about: "messages that do not decode, or decode to much", run: |stage| Box::pin(protobuf(stage)) },
    Attack { name: "grpc-head-lies", about: "gRPC with other methods, types, codings and paths", run: |stage| Box::pin(heads(stage)) },
];

const INVOKE: &str = "/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension";

/// A call as it is to be sent, however wrong.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) data: Vec<Bytes>,
}

/// A message with its prefix.
pub(super) fn framed(message: &[u8]) -> Bytes {
    prefixed(0, u32::try_from(message.len()).unwrap(), message)
}

fn prefixed(flag: u8, length: u32, message: &[u8]) -> Bytes {
    [&[flag], length.to_be_bytes().as_slice(), message].concat().into()
}

/// A request for the attacker's `rule`.
pub(super) fn good() -> InvokeExtensionRequest {
    InvokeExtensionRequest { extension_id: "rule".to_owned(), input_json: "{}".into(), ..Default::default() }
}

/// The same in a context.
pub(super) fn under(ctx: ExecutionContext) -> InvokeExtensionRequest {
    InvokeExtensionRequest { ctx: Some(ctx), ..good() }
}

impl Raw {
    /// A good call's head with the attacker's token.
    pub(super) fn new(stage: &Stage, message: &InvokeExtensionRequest) -> Self {
        Self::bearing(&stage.platform.token(&stage.attacker), message)
    }

    /// The same with any token.
    pub(super) fn bearing(token: &str, message: &InvokeExtensionRequest) -> Self {
        let headers =
            vec![("te", "trailers".to_owned()), ("content-type", "application/grpc".to_owned()), ("authorization", format!("Bearer {token}"))];
        Self { method: Method::POST, path: INVOKE.to_owned(), headers, data: vec![framed(&message.encode_to_vec())] }
    }

    fn data(mut self, data: &[Bytes]) -> Self {
        self.data = data.to_vec();
        self
    }

    /// With a header in place of the usual one.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Sends it on a connection of its own; `OK` with the output, or an error code, or how the protocol ended.
    pub(super) async fn send(&self, stage: &Stage) -> String {
        event(self.sent(stage)).await.unwrap_or_else(|error| match error.reason() {
            Some(reason) => format!("{reason:?}"),
            None => "closed".to_owned(),
        })
    }

    async fn sent(&self, stage: &Stage) -> Result<String, h2::Error> {
        let (sender, connection) = h2::client::handshake(dial(stage).await).await?;
        let driving = tokio::spawn(connection);
        let answered = self.on(sender).await;
        driving.abort();
        answered
    }

    /// The same on a connection that is there.
    pub(super) async fn on(&self, sender: h2::client::SendRequest<Bytes>) -> Result<String, h2::Error> {
        let mut request = Request::builder().method(self.method.clone()).version(Version::HTTP_2).uri(format!("http://x{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut sender = sender.ready().await?;
        let (response, mut body) = sender.send_request(request.body(()).unwrap(), self.data.is_empty())?;
        for (at, data) in self.data.iter().enumerate() {
            // A host that has answered takes no more; its answer says why.
            let _ = body.send_data(data.clone(), at + 1 == self.data.len());
        }
        let response = response.await?;
        let (head, mut body) = response.into_parts();
        let mut message = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            let _ = body.flow_control().release_capacity(chunk.len());
            message.extend_from_slice(&chunk);
        }
        let trailers = body.trailers().await?.unwrap_or_default();
        Ok(outcome(head.status.as_u16(), &head.headers, &trailers, &message))
    }
}

fn outcome(status: u16, headers: &HeaderMap, trailers: &HeaderMap, message: &[u8]) -> String {
    let told = tonic::Status::from_header_map(trailers).or_else(|| tonic::Status::from_header_map(headers));
    let Some(told) = told else {
        let problem: Option<serde_json::Value> = serde_json::from_slice(message).ok();
        let code = problem.and_then(|problem| Some(problem["error_code"].as_str()?.to_owned()));
        return format!("HTTP {status} {}", code.unwrap_or_default());
    };
    if told.code() != tonic::Code::Ok {
        let code = detail_of(told.details()).map(|detail| detail.error_code).unwrap_or_default();
        return if told.code() == tonic::Code::Unimplemented { format!("UNIMPLEMENTED {code}") } else { code };
    }
    let answer = InvokeExtensionResponse::decode(message.get(5..).unwrap_or_default()).unwrap_or_default();
    if answer.error_code.is_empty() { format!("OK {}", String::from_utf8_lossy(&answer.output_json)) } else { answer.error_code }
}

async fn frames(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let message = good().encode_to_vec();
    let whole = framed(&message);
    let length = u32::try_from(message.len()).unwrap();
    let by_the_byte: Vec<Bytes> = whole.chunks(1).map(Bytes::copy_from_slice).collect();
    let mut rows = Vec::new();
    for (what, data, expected) in [
        ("an honest one", vec![whole.clone()], "OK {}"),
        ("by the byte", by_the_byte, "OK {}"),
        ("empty frames around it", vec![Bytes::new(), whole.clone(), Bytes::new()], "OK {}"),
        ("compressed, it says", vec![prefixed(1, length, &message)], "UNIMPLEMENTED BAD_REQUEST"),
        ("a flag of 2", vec![prefixed(2, length, &message)], "BAD_REQUEST"),
        ("a flag of 255", vec![prefixed(255, length, &message)], "BAD_REQUEST"),
        ("longer than it is", vec![prefixed(0, length + 1, &message)], "BAD_REQUEST"),
        ("shorter than it is", vec![prefixed(0, length - 1, &message)], "BAD_REQUEST"),
        ("4 GiB", vec![prefixed(0, u32::MAX, &message)], "INPUT_TOO_LARGE"),
        ("2 GiB", vec![prefixed(0, 1 << 31, &message)], "INPUT_TOO_LARGE"),
        ("two messages", vec![[whole.clone(), whole.clone()].concat().into()], "BAD_REQUEST"),
        ("a thousand messages", vec![whole.repeat(1_000).into()], "BAD_REQUEST"),
        ("half a prefix", vec![Bytes::from_static(&[0, 0, 0])], "BAD_REQUEST"),
        ("no message", vec![], "BAD_REQUEST"),
        ("an empty message", vec![framed(b"")], "BAD_REQUEST"),
        ("no prefix", vec![message.clone().into()], "BAD_REQUEST"),
    ] {
        rows.push(Row::new(what, expected, Raw::new(stage, &good()).data(&data).send(stage).await));
    }
    rows
}

/// A field of protobuf: number, wire type, what follows.
fn field(number: u32, wire: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | u32::from(wire)), &mut key);
    [key, rest.to_vec()].concat()
}

async fn protobuf(stage: &Stage) -> Vec<Row> {
    const GROUP: u8 = 3;
    const GROUP_END: u8 = 4;
    serve_rule(stage).await;
    let message = good().encode_to_vec();
    let with = |more: Vec<u8>| [message.clone(), more].concat();
    let groups = [field(99, GROUP, &[]).repeat(100_000), field(99, GROUP_END, &[]).repeat(100_000)].concat();
    let many = field(99, 0, &[1]).repeat(200_000);
    let twice = with(message.clone());
    let mut rows = Vec::new();
    for (what, message, expected) in [
        ("random bytes", vec![0xa5; 300], "BAD_REQUEST"),
        ("a text that is no UTF-8", with(vec![0x0a, 2, 0xff, 0xfe]), "BAD_REQUEST"),
        ("a length beyond the message", with(vec![0x22, 0xff, 0xff, 0x7f]), "BAD_REQUEST"),
        ("a length of 2^63", with([vec![0x22], vec![0xff; 9], vec![0x7f]].concat()), "BAD_REQUEST"),
        ("a number without end", with([vec![0x30], vec![0xff; 11]].concat()), "BAD_REQUEST"),
        ("another wire type", with(field(1, 0, &[1])), "BAD_REQUEST"),
        ("field zero", with(vec![0, 1]), "BAD_REQUEST"),
        ("wire type 7", with(vec![0x0f, 1]), "BAD_REQUEST"),
        ("100,000 groups in each other", with(groups), "BAD_REQUEST"),
        ("a group that only ends", with(field(99, GROUP_END, &[])), "BAD_REQUEST"),
        ("200,000 unknown fields", with(many), "OK {}"),
        ("everything twice", twice, "OK {}"),
        ("an unknown actor", under(ExecutionContext { actor_type: 77, ..Default::default() }).encode_to_vec(), "BAD_REQUEST"),
        ("a negative risk", under(ExecutionContext { risk_tier: -1, ..Default::default() }).encode_to_vec(), "BAD_REQUEST"),
        ("an id of 1 MB", InvokeExtensionRequest { extension_id: "a".repeat(1_000_000), ..good() }.encode_to_vec(), "BAD_REQUEST"),
        ("a caller of 1 MB", InvokeExtensionRequest { caller: "a".repeat(1_000_000), ..good() }.encode_to_vec(), "BAD_REQUEST"),
        ("an input of 9 MB", InvokeExtensionRequest { input_json: vec![b' '; 9 << 20].into(), ..good() }.encode_to_vec(), "INPUT_TOO_LARGE"),
    ] {
        rows.push(Row::new(what, expected, Raw::new(stage, &good()).data(&[framed(&message)]).send(stage).await));
    }
    rows
}

async fn heads(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let call = || Raw::new(stage, &good());
    let elsewhere = |path: &str| Raw { path: path.to_owned(), ..call() };
    let mut rows = Vec::new();
    for (what, raw, expected) in [
        ("compressed, its head says", call().header("grpc-encoding", "gzip"), "UNIMPLEMENTED BAD_REQUEST"),
        ("an unknown coding", call().header("grpc-encoding", "zz"), "UNIMPLEMENTED BAD_REQUEST"),
        ("another te", call().header("te", "gzip"), "closed or refused"),
        ("gRPC for browsers", call().header("content-type", "application/grpc-web"), "HTTP 415 BAD_REQUEST"),
        ("JSON in gRPC", call().header("content-type", "application/grpc+json"), "HTTP 415 BAD_REQUEST"),
        ("no gRPC at all", call().header("content-type", "application/json"), "HTTP 415 BAD_REQUEST"),
        ("GET", Raw { method: Method::GET, ..call() }, "BAD_REQUEST"),
        ("an unknown method", elsewhere("/ameide.extensions.v1.WasmExtensionRuntime/DeleteExtension"), "UNIMPLEMENTED BAD_REQUEST"),
        ("an unknown service", elsewhere("/ameide.extensions.v1.Registry/Promote"), "UNIMPLEMENTED BAD_REQUEST"),
        ("dots in the path", elsewhere("/ameide.extensions.v1.WasmExtensionRuntime/../Registry/Promote"), "UNIMPLEMENTED BAD_REQUEST"),
        ("an encoded letter", elsewhere("/ameide.extensions.v1.WasmExtensionRuntime/%49nvokeExtension"), "UNIMPLEMENTED BAD_REQUEST"),
        ("small letters", elsewhere("/ameide.extensions.v1.wasmextensionruntime/invokeextension"), "UNIMPLEMENTED BAD_REQUEST"),
        ("the operators' path", elsewhere("/admin/v1/status"), "UNIMPLEMENTED BAD_REQUEST"),
        (
            "no token",
            {
                let mut raw = call();
                raw.headers.retain(|(name, _)| *name != "authorization");
                raw
            },
            "UNAUTHENTICATED",
        ),
    ] {
        let got = raw.send(stage).await;
        let refused = got != "OK {}";
        let got = if expected == "closed or refused" && refused { expected.to_owned() } else { got };
        rows.push(Row::new(what, expected, got));
    }
    rows
}
