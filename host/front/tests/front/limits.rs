//! What a connection may do, and what happens to one that does more.

use std::{os::unix::fs::PermissionsExt as _, sync::atomic::Ordering::SeqCst, time::Duration};

use extensions_front::{Front, FrontSettings, StartError, Timeouts};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

use crate::support::{Parsed, event, frame, grpc_answer, grpc_head, http2, raw, settings, start, to_end};

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn slow_heads_are_cut() {
    let timeouts = Timeouts { header_read: SHORT, ..Timeouts::default() };
    let running = start(&FrontSettings { timeouts, ..settings() });
    for head in ["", "PRI * HT", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let mut io = running.connect().await;
        io.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(to_end(io).await, "", "{head:?}");
    }
}

#[tokio::test]
async fn slow_bodies_are_refused() {
    let timeouts = Timeouts { body_read: SHORT, ..settings().timeouts };
    let running = start(&FrontSettings { timeouts, ..settings() });
    let head = "POST /v1/extensions/echo:invoke HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\ncontent-length: 10\r\n\r\n{";
    let answer = Parsed::of(&raw(running.connect().await, head).await);
    assert_eq!(answer.problem(), (400, "BAD_REQUEST".into()));
}

#[tokio::test]
async fn idle_connections_are_asked_to_leave() {
    let timeouts = Timeouts { idle: SHORT, ..settings().timeouts };
    let running = start(&FrontSettings { timeouts, ..settings() });
    // A graceful end of HTTP/2 is a GOAWAY, after which the client's side ends without error.
    let io = hyper_util::rt::TokioIo::new(running.connect().await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<bytes::Bytes>>(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    assert!(event(connection).await.is_ok());
    drop(sender);
}

#[tokio::test]
async fn large_heads_are_refused() {
    let running = start(&settings());
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(17 << 10));
    assert_eq!(Parsed::of(&raw(running.connect().await, head).await).status, 431);
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert_eq!(Parsed::of(&raw(running.connect().await, head).await).status, 431);
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];
    let running = start(&settings());
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    for stream in (1..).step_by(2).take(2_000) {
        // GET http / for x, from the static table; then at once CANCEL.
        bytes.extend(frame(HEADERS, 0b101, stream, &[0x82, 0x86, 0x84, 0x41, 1, b'x']));
        bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    let mut io = running.connect().await;
    // The peer may close before everything is written.
    let _ = io.write_all(&bytes).await;
    let mut seen = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = event(io.read(&mut part)).await {
        seen.extend_from_slice(&part[..count]);
    }
    let mut frames = seen.as_slice();
    let mut calm = false;
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        calm |= *kind == GOAWAY && rest[4..8] == ENHANCE_YOUR_CALM;
        frames = &rest[length..];
    }
    assert!(calm, "no GOAWAY in {} bytes", seen.len());
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let running = start(&FrontSettings { connections_max: 1, ..settings() });
    let mut first = running.connect().await;
    first.write_all(HEALTHZ.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    event(first.read_exact(&mut status)).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(to_end(running.connect().await).await, "");
    drop(first);
    // Its place is free once the host has seen it go; until then the door says no.
    event(async {
        loop {
            let mut next = running.connect().await;
            if next.write_all(HEALTHZ.as_bytes()).await.is_ok() && next.read_exact(&mut status).await.is_ok() {
                return;
            }
        }
    })
    .await;
}

/// Whoever has no token cannot hold the places of those who have one.
#[tokio::test]
async fn strangers_give_way_where_it_is_crowded() {
    let timeouts = Timeouts { stranger: SHORT, ..settings().timeouts };
    let running = start(&FrontSettings { timeouts, connections_max: 4, ..settings() });
    let healthz = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let stranger = async || {
        let mut io = running.connect().await;
        io.write_all(healthz.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        event(io.read_exact(&mut status)).await.unwrap();
        io
    };
    let mut caller = running.connect().await;
    assert_eq!(ask(&mut caller, "good").await, Some(200));
    let one = stranger().await;
    // Half of the places are free: it may stay, for longer than the time of a stranger.
    let mut rest = String::new();
    let (mut one, stays) = (one, SHORT * 3);
    assert!(tokio::time::timeout(stays, one.read_to_string(&mut rest)).await.is_err(), "{rest}");
    let (mut two, mut three) = (stranger().await, stranger().await);
    for io in [&mut one, &mut two, &mut three] {
        // As many as are in the way: then there is room again.
        if tokio::time::timeout(stays, io.read_to_string(&mut rest)).await.is_ok() {
            assert_eq!(ask(&mut caller, "good").await, Some(200), "the caller stays");
            assert_eq!(ask(&mut running.connect().await, "good").await, Some(200), "and others come in");
            return;
        }
    }
    panic!("all places are held by strangers");
}

/// Sends one request without waiting for the connection's end; none when it has ended.
async fn ask(io: &mut TcpStream, token: &str) -> Option<u16> {
    let request = format!("GET /v1/extensions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    io.write_all(request.as_bytes()).await.ok()?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(event(io.read_u8()).await.ok()?));
    }
    let parsed = Parsed::of(&head);
    let mut body = vec![0; parsed.headers["content-length"].to_str().unwrap().parse().unwrap()];
    event(io.read_exact(&mut body)).await.ok()?;
    Some(parsed.status)
}

#[tokio::test]
async fn a_connection_with_too_many_bad_tokens_is_closed() {
    let running = start(&settings());
    let mut io = running.connect().await;
    let mut refused = 0;
    while let Some(status) = ask(&mut io, "bad").await {
        assert_eq!(status, 401);
        refused += 1;
        assert!(refused < 100, "never closed");
    }
    assert!(refused > 20, "closed after {refused}");
    let verified = running.script.authenticated.load(SeqCst);
    assert!(verified <= refused + 1, "{verified} verified for {refused} answers");
    let mut other = running.connect().await;
    assert_eq!(ask(&mut other, "good").await, Some(200));
}

#[tokio::test]
async fn good_tokens_are_not_counted() {
    let running = start(&settings());
    let mut io = running.connect().await;
    for _ in 0..100 {
        assert_eq!(ask(&mut io, "good").await, Some(200));
    }
}

#[tokio::test]
async fn a_unix_socket_serves_both_protocols_to_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("front.sock");
    let running = start(&FrontSettings { unix: Some(path.clone()), ..settings() });
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
    let text = raw(UnixStream::connect(&path).await.unwrap(), "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(Parsed::of(&text).status, 200);
    let mut sender = http2(UnixStream::connect(&path).await.unwrap()).await;
    let list = "/ameide.extensions.v1.WasmExtensionRuntime/ListExtensions";
    let request = grpc_head(list).body(Full::from(&[0, 0, 0, 0, 0][..])).unwrap();
    assert_eq!(grpc_answer(sender.send_request(request).await.unwrap()).await.0, 0);
    let mut request = grpc_head(list).body(Full::from(&[0, 0, 0, 0, 0][..])).unwrap();
    request.headers_mut().remove("authorization");
    assert_eq!(grpc_answer(sender.send_request(request).await.unwrap()).await.0, 16, "the same tokens as over TCP");
    drop((sender, running));
    assert!(!path.exists());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let running = start(&settings());
    let taken = FrontSettings { listen: Some(running.address), ..settings() };
    let error = Front::start(&taken, std::sync::Arc::clone(&running.script), None, std::sync::Arc::default()).unwrap_err();
    assert!(matches!(&error, StartError::Bind { address, .. } if *address == running.address.to_string()), "{error}");
}
