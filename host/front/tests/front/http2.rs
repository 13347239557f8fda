//! HTTP/2 beyond one request at a time: turns, pings, streams, and peers that break the rules.

use std::time::Duration;

use bytes::Bytes;
use extensions_front::{FrontSettings, Timeouts};
use extensions_proto::v1::InvokeExtensionRequest;
use h2::{Reason, client::SendRequest};
use http::{Request, Response};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Running, event, frame, grpc_head, settings, start};

const SHORT: Duration = Duration::from_millis(20);
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;

/// A client that hides nothing of HTTP/2.
async fn client(running: &Running) -> SendRequest<Bytes> {
    let (client, connection) = h2::client::handshake(running.connect().await).await.unwrap();
    tokio::spawn(connection);
    event(client.ready()).await.unwrap()
}

fn echo() -> Bytes {
    let message = InvokeExtensionRequest { extension_id: "echo".into(), input_json: "1".into(), ..Default::default() }.encode_to_vec();
    [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message.as_slice()].concat().into()
}

fn invoke() -> Request<()> {
    grpc_head("/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension").body(()).unwrap()
}

/// The `grpc-status` behind a message.
async fn status(response: Response<h2::RecvStream>) -> String {
    let mut body = response.into_body();
    while let Some(data) = event(body.data()).await {
        let length = data.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    let trailers = event(body.trailers()).await.unwrap().expect("trailers");
    trailers["grpc-status"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_crowd_on_one_connection_is_answered_to_the_last() {
    let running = start(&settings());
    let mut client = client(&running).await;
    // More than are begun in one turn, and all written at once.
    let mut responses = Vec::new();
    for _ in 0..90 {
        let (response, mut body) = client.send_request(invoke(), false).unwrap();
        body.send_data(echo(), true).unwrap();
        responses.push(response);
    }
    for response in responses {
        assert_eq!(status(event(response).await.unwrap()).await, "0");
    }
}

#[tokio::test]
async fn a_call_whose_body_comes_later_is_answered_then() {
    let running = start(&settings());
    let mut client = client(&running).await;
    let (response, mut body) = client.send_request(invoke(), false).unwrap();
    // The connection has begun the first when it has answered the second.
    let (second, mut its_body) = client.send_request(invoke(), false).unwrap();
    its_body.send_data(echo(), true).unwrap();
    assert_eq!(status(event(second).await.unwrap()).await, "0");
    for byte in echo() {
        body.send_data(Bytes::from(vec![byte]), false).unwrap();
    }
    body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(status(event(response).await.unwrap()).await, "0");
}

#[tokio::test]
async fn an_answer_waits_for_a_peer_that_does_not_take_it() {
    let running = start(&settings());
    let (mut client, connection) = h2::client::Builder::new().initial_window_size(1).handshake(running.connect().await).await.unwrap();
    tokio::spawn(connection);
    let (response, mut body) = client.send_request(invoke(), false).unwrap();
    body.send_data(echo(), true).unwrap();
    assert_eq!(status(event(response).await.unwrap()).await, "0", "byte by byte, as the window opens");
}

#[tokio::test]
async fn plain_answers_have_a_date_and_a_length_and_calls_have_neither() {
    let running = start(&settings());
    let mut client = client(&running).await;
    let (response, _) = client.send_request(Request::get("http://front/healthz").body(()).unwrap(), true).unwrap();
    let plain = event(response).await.unwrap();
    assert!(plain.headers().contains_key("date") && plain.headers().contains_key("content-length"), "{plain:?}");
    let (response, mut body) = client.send_request(invoke(), false).unwrap();
    body.send_data(echo(), true).unwrap();
    let call = event(response).await.unwrap();
    assert!(!call.headers().contains_key("date") && !call.headers().contains_key("content-length"), "{call:?}");
    assert_eq!(status(call).await, "0");
}

#[tokio::test]
async fn a_body_that_is_not_what_its_head_says_is_an_error_of_its_stream() {
    let running = start(&settings());
    let mut client = client(&running).await;
    let mut head = invoke();
    head.headers_mut().insert("content-length", "3".parse().unwrap());
    let (response, mut body) = client.send_request(head, false).unwrap();
    body.send_data(echo(), true).unwrap();
    let error = event(response).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR), "{error}");
    let (response, mut body) = client.send_request(invoke(), false).unwrap();
    body.send_data(echo(), true).unwrap();
    assert_eq!(status(event(response).await.unwrap()).await, "0", "the connection goes on");
}

#[tokio::test]
async fn large_heads_are_refused() {
    let running = start(&settings());
    let mut client = client(&running).await;
    let mut head = invoke();
    head.headers_mut().insert("x-large", "x".repeat(17 << 10).parse().unwrap());
    let (response, _body) = client.send_request(head, false).unwrap();
    assert_eq!(event(response).await.unwrap().status(), 431);
}

#[tokio::test]
async fn a_stream_of_this_process_is_served_as_a_socket_is() {
    let running = start(&settings());
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    assert!(running.front.attach(1, Box::new(theirs)));
    let (client, connection) = h2::client::handshake(ours).await.unwrap();
    tokio::spawn(connection);
    let mut client = event(client.ready()).await.unwrap();
    let (response, mut body) = client.send_request(invoke(), false).unwrap();
    body.send_data(echo(), true).unwrap();
    assert_eq!(status(event(response).await.unwrap()).await, "0");
    let (_, nobodys) = tokio::io::duplex(1);
    assert!(!running.front.attach(2, Box::new(nobodys)), "there are two threads");
}

/// A connection that speaks in frames.
struct Wire(TcpStream);

impl Wire {
    async fn open(running: &Running) -> Self {
        let mut io = running.connect().await;
        io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        io.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self(io)
    }

    /// Kind, flags and payload of the next frame; none where the host has closed.
    async fn next(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        event(self.0.read_exact(&mut head)).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        event(self.0.read_exact(&mut payload)).await.ok()?;
        Some((head[3], head[4], payload))
    }
}

fn with_pings(interval: Duration, timeout: Duration) -> Running {
    let timeouts = Timeouts { keepalive_interval: interval, keepalive_timeout: timeout, ..settings().timeouts };
    start(&FrontSettings { timeouts, ..settings() })
}

#[tokio::test]
async fn a_peer_that_is_gone_is_noticed() {
    let running = with_pings(SHORT, SHORT);
    let mut wire = Wire::open(&running).await;
    let mut pings = 0;
    while let Some((kind, flags, _)) = wire.next().await {
        pings += u32::from(kind == PING && flags & ACK == 0);
    }
    assert_eq!(pings, 1, "asked once, and closed");
}

#[tokio::test]
async fn a_peer_that_answers_stays() {
    let running = with_pings(SHORT, crate::support::PATIENCE);
    let mut wire = Wire::open(&running).await;
    for _ in 0..3 {
        loop {
            let (kind, flags, payload) = wire.next().await.expect("it stays open");
            if kind == PING && flags & ACK == 0 {
                wire.0.write_all(&frame(PING, ACK, 0, &payload)).await.unwrap();
                break;
            }
        }
    }
}
