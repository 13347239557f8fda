//! Bytes on a connection, as no client library would send them, and what comes back.

use std::time::Duration;

use extensions_test_support::event;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::stage::Stage;

/// More than any answer here; a host that sends more is cut off.
const READ_BYTES_MAX: usize = 64 << 20;
/// The end of every exchange: it is answered only by a host that still believes
/// it knows where requests begin.
pub(super) const LAST: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Where the stage's host listens.
pub(super) fn address(stage: &Stage) -> String {
    let extensions_client::Endpoint::Tcp(uri) = stage.platform.tcp() else { panic!("a host without TCP") };
    uri.authority().unwrap().to_string()
}

/// A connection to the stage's host.
pub(super) async fn dial(stage: &Stage) -> TcpStream {
    let io = TcpStream::connect(address(stage)).await.unwrap();
    io.set_nodelay(true).unwrap();
    io
}

/// Writes all of `bytes`, reads until the host closes, and says what came.
pub(super) async fn exchange(stage: &Stage, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    speak(dial(stage).await, bytes.as_ref()).await
}

/// The same on a connection that is there.
pub(super) async fn speak(io: impl AsyncRead + AsyncWrite, bytes: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = tokio::io::split(io);
    let write = async {
        // A host that refuses early closes; its answer says why.
        let _ = writer.write_all(bytes).await;
    };
    event(async { tokio::join!(write, to_end(&mut reader)).1 }).await
}

/// What comes until the host closes, orderly or not.
pub(super) async fn to_end(io: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let (mut all, mut part) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = io.read(&mut part).await {
        all.extend_from_slice(&part[..count]);
        assert!(all.len() <= READ_BYTES_MAX, "an answer without end");
    }
    all
}

/// What comes within `time`; `true` when the host closed.
pub(super) async fn within(io: &mut (impl AsyncRead + Unpin), time: Duration) -> (Vec<u8>, bool) {
    let (mut all, mut part) = (Vec::new(), vec![0; 64 << 10]);
    let ended = timeout(time, async {
        while let Ok(count @ 1..) = io.read(&mut part).await {
            all.extend_from_slice(&part[..count]);
        }
    });
    let ended = ended.await.is_ok();
    (all, ended)
}

/// The answers in what came over HTTP/1, each as its status and error code:
/// `200, 400 BAD_REQUEST`; `closed` when there is none.
pub(super) fn answers(mut rest: &[u8]) -> String {
    let mut all = Vec::new();
    while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or("?").to_owned();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim).map(str::to_owned));
        let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
        let body = &rest[end + 4..(end + 4 + length).min(rest.len())];
        let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let code = problem.and_then(|problem| problem["error_code"].as_str().map(str::to_owned));
        all.push(code.map_or_else(|| status.clone(), |code| format!("{status} {code}")));
        rest = &rest[end + 4 + body.len()..];
        if header("transfer-encoding").is_some() {
            break;
        }
    }
    if all.is_empty() { "closed".to_owned() } else { all.join(", ") }
}

/// The head of a call of the attacker's `rule`, without its end.
pub(super) fn invoke_head(stage: &Stage, query: &str) -> String {
    let token = stage.platform.token(&stage.attacker);
    format!("POST /v1/extensions/rule:invoke{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n")
}

/// Serves the attacker's good extension `rule`, which answers with its input.
pub(super) async fn serve_rule(stage: &Stage) {
    let kind = extensions_types::Kind::ProcessHook;
    let guest = extensions_test_support::Guest::new(kind, "(call $ok (local.get $input) (local.get $input_len))");
    stage.serve("rule", kind, "", guest.component()).await.1.unwrap();
}
