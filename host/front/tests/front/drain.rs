//! Leaving: calls in flight finish, late ones are cut, connections are told.

use std::time::Duration;

use extensions_front::{Drained, FrontSettings};
use extensions_proto::v1::InvokeExtensionRequest;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{PATIENCE, Running, event, settings, start, to_end, with_token};

fn hold() -> tonic::Request<InvokeExtensionRequest> {
    with_token(InvokeExtensionRequest { extension_id: "hold".into(), input_json: "1".into(), ..Default::default() })
}

/// Returns once the listener is closed: each try is answered by the kernel.
async fn refused(running: &Running) {
    event(async {
        while let Ok(io) = TcpStream::connect(running.address).await {
            drop(io);
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn calls_in_flight_finish() {
    let running = start(&settings());
    let mut client = running.client().await;
    let calling = tokio::spawn(async move { client.invoke_extension(hold()).await });
    event(running.script.entered.acquire()).await.unwrap().forget();
    running.front.handle().drain(PATIENCE);
    refused(&running).await;
    assert!(running.front.handle().is_draining());
    running.script.release.add_permits(1);
    assert_eq!(event(calling).await.unwrap().unwrap().into_inner().output_json, "1");
    let drained = event(running.front.handle().drained()).await;
    assert_eq!(drained, Drained { finished: 1, cut: 0 });
    assert_eq!(running.front.join(), drained);
}

#[tokio::test]
async fn http1_calls_finish_too() {
    let running = start(&settings());
    let mut io = running.connect().await;
    let request = "POST /v1/extensions/hold:invoke HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\ncontent-length: 1\r\n\r\n1";
    io.write_all(request.as_bytes()).await.unwrap();
    let mut idle = running.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    event(idle.read_exact(&mut status)).await.unwrap();
    event(running.script.entered.acquire()).await.unwrap().forget();
    running.front.handle().drain(PATIENCE);
    to_end(idle).await;
    running.script.release.add_permits(1);
    let answer = to_end(io).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n1"), "{answer}");
    assert_eq!(event(running.front.handle().drained()).await, Drained { finished: 1, cut: 0 });
}

#[tokio::test]
async fn what_is_late_is_cut_and_its_future_dropped() {
    let running = start(&settings());
    let mut client = running.client().await;
    let calling = tokio::spawn(async move { client.invoke_extension(hold()).await });
    event(running.script.entered.acquire()).await.unwrap().forget();
    running.front.handle().drain(Duration::from_millis(50));
    assert_eq!(event(running.front.handle().drained()).await, Drained { finished: 0, cut: 1 });
    event(running.script.dropped.acquire()).await.unwrap().forget();
    assert!(event(calling).await.unwrap().is_err());
}

#[tokio::test]
async fn idle_http2_connections_get_goaway() {
    let running = start(&settings());
    let io = TokioIo::new(running.connect().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<bytes::Bytes>>(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = || http::Request::get("http://front/healthz").body(Full::default()).unwrap();
    assert_eq!(sender.send_request(request()).await.unwrap().status(), 200);
    running.front.handle().drain(PATIENCE);
    // Without a GOAWAY the client would see a broken connection, not an end.
    assert!(event(connection).await.unwrap().is_ok());
    assert!(sender.send_request(request()).await.is_err());
    assert_eq!(event(running.front.handle().drained()).await.cut, 0);
}

#[tokio::test]
async fn a_dropped_front_cuts_at_once() {
    let running = start(&FrontSettings { drain_notice: Duration::from_secs(3_600), ..settings() });
    let mut client = running.client().await;
    let calling = tokio::spawn(async move { client.invoke_extension(hold()).await });
    event(running.script.entered.acquire()).await.unwrap().forget();
    let Running { front, script, .. } = running;
    drop(front);
    event(script.dropped.acquire()).await.unwrap().forget();
    assert!(event(calling).await.unwrap().is_err());
}
