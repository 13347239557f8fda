//! A host that stands still is charged with every call that it kept waiting.

use std::sync::atomic::{AtomicBool, Ordering};

use extensions_proto::v1::InvokeExtensionResponse;
use h2::server::{self, SendResponse};
use http::{HeaderMap, Response};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{load::frame, stage::multi_thread};

const STILL: Duration = Duration::from_millis(300);
const LENGTH: Duration = Duration::from_millis(600);
const RATE: f64 = 500.0;

/// Answers everything by version 1; each connection stands still once, after its first request.
async fn stand_still_once(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) {
    let mut connection = server::handshake(stream).await.unwrap();
    let stood = AtomicBool::new(false);
    while let Some(Ok((_, respond))) = connection.accept().await {
        if !stood.swap(true, Ordering::Relaxed) {
            tokio::time::sleep(STILL).await;
        }
        reply(respond);
    }
}

fn reply(mut respond: SendResponse<Bytes>) {
    let answer = InvokeExtensionResponse { served_version: "1".to_owned(), ..InvokeExtensionResponse::default() };
    let mut message = vec![0; 5];
    answer.encode(&mut message).unwrap();
    let mut body = respond.send_response(Response::new(()), false).unwrap();
    body.send_data(message.into(), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    body.send_trailers(trailers).unwrap();
}

#[test]
fn calls_that_waited_for_a_host_that_stood_still_count_from_when_they_were_due() {
    let runtime = multi_thread().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let host = listener.local_addr().unwrap();
    runtime.spawn(stand_still_once(listener));
    let target = Target { host, token: "any".to_owned(), frame: frame("rule", "{}") };
    let offered = runtime.block_on(OpenLoop::new(vec![target], RATE).run(LENGTH)).unwrap();
    assert_eq!((offered.due, offered.ended(), offered.failed()), (300, 300, 0));
    // Half of the calls were due while it stood still. One that only asks after each answer would have seen two slow ones.
    let slow = offered.all.count_between(STILL.as_nanos() as u64 / 3, u64::MAX);
    assert!(slow >= 75, "{slow} of 300 calls saw that the host stood still");
}
