//! One connection to a host, over bare HTTP/2, and what an answer says.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use bytes::{Bytes, BytesMut};
use extensions_proto::v1::InvokeExtensionResponse;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, HeaderValue, Request};
use prost::Message as _;
use tokio::net::TcpStream;

/// The extension that is called.
pub(super) const RULE: &str = "rule";
/// Compression flag and length, in front of a message.
const PREFIX_BYTES: usize = 5;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// By this version.
    Version(u64),
    /// A refusal or a failure, in words.
    Refused(String),
}

/// A connection; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    sender: SendRequest<Bytes>,
    token: HeaderValue,
    frame: Bytes,
}

impl Line {
    pub(super) async fn open(host: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) =
            h2::client::Builder::new().initial_window_size(1 << 20).initial_connection_window_size(1 << 22).handshake(stream).await?;
        tokio::spawn(driver);
        Ok(Self { sender, token: HeaderValue::from_str(&format!("Bearer {token}"))?, frame: crate::load::frame(RULE) })
    }

    /// Sends a call, once the connection takes one more.
    pub(super) async fn send(&mut self) -> anyhow::Result<ResponseFuture> {
        let request = Request::post("http://localhost/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", self.token.clone())
            .body(())?;
        self.sender = self.sender.clone().ready().await?;
        let (response, mut body) = self.sender.send_request(request, false)?;
        body.send_data(self.frame.clone(), true)?;
        Ok(response)
    }

    pub(super) async fn call(&mut self) -> anyhow::Result<Answer> {
        answer(self.send().await?).await
    }
}

/// Reads the answer of a call that was sent.
pub(super) async fn answer(response: ResponseFuture) -> anyhow::Result<Answer> {
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
        return Ok(Answer::Refused(format!("status {}: {}", status(&trailers)?, text(&trailers, "grpc-message"))));
    }
    ensure!(message.len() >= PREFIX_BYTES, "an answer without a message");
    let answer = InvokeExtensionResponse::decode(&message[PREFIX_BYTES..])?;
    if !answer.error_code.is_empty() {
        return Ok(Answer::Refused(format!("{}: {}", answer.error_code, answer.error_msg)));
    }
    Ok(Answer::Version(answer.served_version.parse().context("no served version")?))
}

fn status(trailers: &HeaderMap) -> anyhow::Result<&str> {
    Ok(trailers.get("grpc-status").context("no grpc-status")?.to_str()?)
}

fn text<'h>(trailers: &'h HeaderMap, name: &str) -> &'h str {
    trailers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
