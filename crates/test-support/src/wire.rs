//! One HTTP/1.1 exchange on a connection of its own, byte by byte: a client
//! library would mend what a test wants to send broken.

use std::collections::BTreeMap;

use extensions_client::Endpoint;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

use crate::event;

/// A request as it will be written.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// 0 when the peer closed without a word.
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As it came, unchunked.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without body.
    #[must_use]
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.to_owned(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `GET path`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a bearer token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With a body and its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", length)
    }

    /// Sends it and reads until the peer closes.
    ///
    /// # Panics
    /// When the endpoint does not answer.
    pub async fn send(&self, endpoint: &Endpoint) -> Reply {
        match endpoint {
            Endpoint::Tcp(uri) => self.exchange(TcpStream::connect(uri.authority().unwrap().as_str()).await.unwrap()).await,
            Endpoint::Unix(path) => self.exchange(UnixStream::connect(path).await.unwrap()).await,
        }
    }

    async fn exchange(&self, io: impl AsyncRead + AsyncWrite) -> Reply {
        let (mut reader, mut writer) = tokio::io::split(io);
        let mut request = format!("{} {} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let write = async {
            // A host that refuses early closes; its answer says why.
            let _ = writer.write_all(request.as_bytes()).await;
            let _ = writer.write_all(&self.body).await;
        };
        let read = async {
            let mut all = Vec::new();
            // A reset after the answer is no different from an end.
            let _ = reader.read_to_end(&mut all).await;
            all
        };
        let ((), all) = event(async { tokio::join!(write, read) }).await;
        Reply::of(&all)
    }
}

impl Reply {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else { return Self { status: 0, headers: BTreeMap::new(), body: bytes.to_vec() } };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok()).unwrap_or(0);
        let headers: BTreeMap<_, _> =
            lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let body = &bytes[end + 4..];
        let chunked = headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked");
        Self { status, body: if chunked { unchunked(body) } else { body.to_vec() }, headers }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {} {:?}", self.status, self.text()))
    }

    /// `error_code` of a problem document; empty for another body.
    #[must_use]
    pub fn error_code(&self) -> String {
        let document: Option<Value> = serde_json::from_slice(&self.body).ok();
        document.and_then(|document| Some(document["error_code"].as_str()?.to_owned())).unwrap_or_default()
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok()).unwrap_or(0);
        let (from, to) = (end + 2, end + 2 + length);
        if length == 0 || to + 2 > rest.len() {
            break;
        }
        whole.extend_from_slice(&rest[from..to]);
        rest = &rest[to + 2..];
    }
    whole
}
