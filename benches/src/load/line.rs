//! One connection to a host, over bare HTTP/2, and what an answer says.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use extensions_proto::v1::{InvokeExtensionRequest, InvokeExtensionResponse};
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, HeaderValue, Request};
use prost::Message as _;

use super::endpoint::Endpoint;

/// Compression flag and length, in front of a message.
const PREFIX_BYTES: usize = 5;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// By this version.
    Version { version: u64, cpu: Duration },
    /// The extension's own failure; it may have cost CPU.
    Failed { code: String, cpu: Duration },
    /// A refusal, in words.
    Refused(String),
}

impl Answer {
    /// CPU time of the call, as the host accounted for it.
    pub(crate) fn cpu(&self) -> Duration {
        match self {
            Self::Version { cpu, .. } | Self::Failed { cpu, .. } => *cpu,
            Self::Refused(_) => Duration::ZERO,
        }
    }

    /// Why it is no good answer, if it is none.
    pub(crate) fn problem(&self) -> Option<&str> {
        match self {
            Self::Version { .. } => None,
            Self::Failed { code: problem, .. } | Self::Refused(problem) => Some(problem),
        }
    }
}

/// A connection; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    sender: SendRequest<Bytes>,
    token: HeaderValue,
    frame: Bytes,
}

/// One length-prefixed request message.
pub(crate) fn frame(extension: &str, input: impl Into<Bytes>) -> Bytes {
    let request = InvokeExtensionRequest {
        extension_id: extension.to_owned(),
        input_json: input.into(),
        hook_point: "BeforeCreateOrder".to_owned(),
        ..InvokeExtensionRequest::default()
    };
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(request.encoded_len()).unwrap_or(u32::MAX));
    request.encode(&mut frame).expect("the buffer grows");
    frame.freeze()
}

impl Line {
    /// For calls of `frame` with `token`.
    pub(crate) async fn open(host: SocketAddr, token: &str, frame: Bytes) -> anyhow::Result<Self> {
        let sender = Endpoint::from(host).http2().await?;
        Ok(Self { sender, token: HeaderValue::from_str(&format!("Bearer {token}"))?, frame })
    }

    /// Sends a call, once the connection takes one more.
    pub(crate) async fn send(&mut self) -> anyhow::Result<ResponseFuture> {
        self.send_frame(self.frame.clone()).await
    }

    async fn send_frame(&mut self, frame: Bytes) -> anyhow::Result<ResponseFuture> {
        let request = Request::post("http://localhost/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", self.token.clone())
            .body(())?;
        self.sender = self.sender.clone().ready().await?;
        let (response, mut body) = self.sender.send_request(request, false)?;
        body.send_data(frame, true)?;
        Ok(response)
    }

    pub(crate) async fn call(&mut self) -> anyhow::Result<Answer> {
        Answer::read(self.send().await?).await
    }

    /// Calls with another message than the line's own.
    pub(crate) async fn call_with(&mut self, frame: Bytes) -> anyhow::Result<Answer> {
        Answer::read(self.send_frame(frame).await?).await
    }
}

impl Answer {
    /// Reads the answer of a call that was sent.
    pub(crate) async fn read(response: ResponseFuture) -> anyhow::Result<Self> {
        let (head, mut body) = response.await?.into_parts();
        let mut message = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            message.extend_from_slice(&data);
        }
        // A refusal comes as trailers alone, which are the head.
        let trailers = body.trailers().await?.unwrap_or(head.headers);
        if status(&trailers)? != "0" {
            return Ok(Self::Refused(format!("status {}: {}", status(&trailers)?, text(&trailers, "grpc-message"))));
        }
        ensure!(message.len() >= PREFIX_BYTES, "an answer without a message");
        let answer = InvokeExtensionResponse::decode(&message[PREFIX_BYTES..])?;
        let cpu = Duration::from_micros(answer.stats.map_or(0, |stats| stats.cpu_micros));
        if !answer.error_code.is_empty() {
            return Ok(Self::Failed { code: answer.error_code, cpu });
        }
        Ok(Self::Version { version: answer.served_version.parse().context("no served version")?, cpu })
    }
}

fn status(trailers: &HeaderMap) -> anyhow::Result<&str> {
    Ok(trailers.get("grpc-status").context("no grpc-status")?.to_str()?)
}

fn text<'h>(trailers: &'h HeaderMap, name: &str) -> &'h str {
    trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
