//! A service mounted beside the host's own: whole paths, bodies as they come.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use extensions_front::{FrontSettings, Mount, MountBody, PeerName};
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use crate::support::{authorised, event, grpc_answer, grpc_head, http1, http2, settings, start, start_mounted};

/// Owns `/v1/side`: gives a body back, with trailers; refuses who comes without a token.
#[derive(Debug)]
struct Echo;

impl Mount for Echo {
    fn owns(&self, path: &str) -> bool {
        path.starts_with("/v1/side") || path.starts_with("/side.Service/") || path.starts_with("/v1/extensions")
    }

    fn call(&self, request: Request<MountBody>) -> Pin<Box<dyn Future<Output = Response<MountBody>> + Send>> {
        Box::pin(async move {
            let peer = request.extensions().get::<PeerName>().unwrap().0.to_string();
            if request.uri().path().ends_with("/Refuse") {
                return Response::builder().header("grpc-status", "5").body(MountBody::default()).unwrap();
            }
            let status = if request.headers().contains_key("authorization") { 200 } else { 401 };
            // A frame as it comes is a frame that goes out: nothing is gathered.
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
            let frames = [Ok(Frame::data(request.into_body().collect().await.unwrap().to_bytes())), Ok(Frame::trailers(trailers))];
            let body = MountBody::new(StreamBody::new(futures_util::stream::iter(frames)));
            // The last is for nobody beyond this front, and HTTP/2 does not allow it.
            Response::builder().status(status).header("x-peer", peer).header("keep-alive", "timeout=5").body(body).unwrap()
        })
    }
}

fn mounted() -> FrontSettings {
    FrontSettings { merge_admin: true, ..settings() }
}

#[tokio::test]
async fn its_paths_are_handed_over_and_no_others() {
    let running = start_mounted(&mounted(), Some(Arc::new(Echo)));
    let answer = authorised(&running, "PUT /v1/side/a?b=c", "given").await;
    assert_eq!((answer.status, answer.body.contains("given")), (200, true));
    assert!(answer.headers["x-peer"].to_str().unwrap().starts_with("127.0.0.1:"));
    // What the host knows stays the host's, whatever the mount says.
    assert_eq!(authorised(&running, "POST /v1/extensions/echo:invoke", "{}").await.body, "{}");
    assert_eq!(authorised(&running, "GET /v1/other", "").await.status, 404);
    let bare = start(&mounted());
    assert_eq!(authorised(&bare, "GET /v1/side", "").await.status, 404);
}

#[tokio::test]
async fn grpc_passes_with_its_trailers() {
    let running = start_mounted(&mounted(), Some(Arc::new(Echo)));
    let mut sender = http2(running.connect().await).await;
    let request = grpc_head("/side.Service/Do").body(Full::new(Bytes::from_static(b"\0\0\0\0\0"))).unwrap();
    let (status, message, headers) = grpc_answer(event(sender.send_request(request)).await.unwrap()).await;
    assert_eq!((status, message.len()), (0, 5));
    assert!(headers["x-peer"].to_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn a_refusal_of_its_grpc_is_a_head_alone() {
    let running = start_mounted(&mounted(), Some(Arc::new(Echo)));
    let mut sender = http2(running.connect().await).await;
    let request = grpc_head("/side.Service/Refuse").body(Full::<Bytes>::default()).unwrap();
    let refused = event(sender.send_request(request)).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "5");
    assert!(refused.body().is_end_stream(), "no frame follows");
}

/// Guessing tokens at the mounted service costs a connection as it does at the host's own.
#[tokio::test]
async fn failed_authentications_count() {
    let running = start_mounted(&mounted(), Some(Arc::new(Echo)));
    let mut sender = http2(running.connect().await).await;
    for attempt in 0..1_000 {
        let request = http::Request::get("http://front/v1/side").body(Full::<Bytes>::default()).unwrap();
        let Ok(answer) = event(sender.send_request(request)).await else { return };
        match answer.status().as_u16() {
            401 => {}
            503 => return,
            other => panic!("{other} at attempt {attempt}"),
        }
    }
    panic!("a thousand failures were answered on one connection");
}

#[tokio::test]
async fn operators_apart_have_no_mount() {
    let settings = FrontSettings { admin_listen: Some(([127, 0, 0, 1], 0).into()), ..settings() };
    let mut running = start_mounted(&settings, Some(Arc::new(Echo)));
    assert_eq!(http1(&running, "GET /v1/side HTTP/1.1\r\nauthorization: x", "").await.status, 200);
    running.address = running.front.addresses().admin.unwrap();
    assert_eq!(http1(&running, "GET /v1/side HTTP/1.1\r\nauthorization: x", "").await.status, 404);
}
