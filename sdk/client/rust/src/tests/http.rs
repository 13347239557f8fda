//! The HTTP client against a scripted server.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use extensions_types::ErrorCode;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{TRACE, dead_port, tcp};
use crate::{ANSWER_BYTES_MAX, Context, HttpClient, Invoke, InvokeError};

type Asked = Arc<Mutex<Vec<(Parts, Bytes)>>>;
type Answers = Arc<Mutex<Vec<Response<Full<Bytes>>>>>;

fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status.try_into().unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

/// Answers from the end of the script; then closes.
async fn converse(io: impl AsyncRead + AsyncWrite + Unpin, answers: Answers, asked: Asked) {
    let service = service_fn(|request: Request<Incoming>| async {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        asked.lock().unwrap().push((head, body));
        Ok::<_, hyper::Error>(answers.lock().unwrap().pop().unwrap_or_else(|| answer(500, &[], "the script has ended")))
    });
    http1::Builder::new().serve_connection(TokioIo::new(io), service).await.unwrap_or_default();
}

async fn serve(mut answers: Vec<Response<Full<Bytes>>>) -> (HttpClient, Asked) {
    answers.reverse();
    let (answers, asked) = (Arc::new(Mutex::new(answers)), Asked::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = HttpClient::builder().token("abc").connect_http(&tcp(listener.local_addr().unwrap().port())).unwrap();
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&answers), Arc::clone(&kept)));
        }
    });
    (client, asked)
}

#[tokio::test]
async fn a_call_is_a_plain_post() {
    let headers = [
        ("x-ameide-served-version", "7"),
        ("x-ameide-fallback", "default; cause=timeout"),
        ("x-ameide-correlation-id", "c-2"),
        ("x-ameide-stats", "cpu_micros=41, wall_micros=90, queue_micros=2, memory_peak_bytes=65536, host_calls=1, later=x"),
    ];
    let (client, asked) = serve(vec![answer(200, &headers, "[1]")]).await;
    let context = Context::new().tenant("acme").org("sales").user("ada").session("s").correlation("c-2");
    let call = Invoke::new("vat").input("{\"net\":1}").point("tool").context(context).timeout(Duration::from_secs(3)).traceparent(TRACE);
    let answer = client.invoke(call).await.unwrap();
    assert_eq!((answer.output.as_ref(), answer.served_version.get()), (b"[1]".as_slice(), 7));
    let stats = answer.stats.unwrap();
    assert_eq!((stats.cpu, stats.wall, stats.queue), (Duration::from_micros(41), Duration::from_micros(90), Duration::from_micros(2)));
    assert_eq!((stats.memory_peak_bytes, stats.host_calls), (65536, 1));
    let fallback = answer.fallback.unwrap();
    assert_eq!((fallback.action.as_str(), fallback.cause.as_str()), ("default", "timeout"));
    assert_eq!(answer.correlation.as_deref(), Some("c-2"));

    let (head, body) = asked.lock().unwrap().pop().unwrap();
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/v1/extensions/vat:invoke"));
    let query = head.uri.query().unwrap();
    assert!(query.starts_with("timeout_ms=") && query.ends_with("&point=tool"), "{query}");
    assert_eq!(body, "{\"net\":1}");
    for (name, value) in [
        ("authorization", "Bearer abc"),
        ("content-type", "application/json"),
        ("x-ameide-tenant-id", "acme"),
        ("x-ameide-org-id", "sales"),
        ("x-ameide-user-id", "ada"),
        ("x-ameide-session-id", "s"),
        ("x-ameide-correlation-id", "c-2"),
        ("traceparent", TRACE),
    ] {
        assert_eq!(head.headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn problems_become_the_same_errors() {
    let full = r#"{"status":503,"error_code":"OVERLOADED","detail":"full","retry_after_ms":1}"#;
    let served = [("x-ameide-served-version", "7")];
    let (client, asked) = serve(vec![answer(503, &[], full), answer(422, &served, r#"{"error_code":"REJECTED","detail":"no"}"#)]).await;
    let InvokeError::Outcome(outcome) = client.invoke(Invoke::new("x")).await.unwrap_err() else { panic!("no outcome") };
    assert_eq!((outcome.code, outcome.served_version.unwrap().get()), (ErrorCode::Rejected, 7));
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn answers_of_something_else_are_not_taken_for_ours() {
    let (client, _) = serve(vec![answer(200, &[], "<html>"), answer(302, &[("location", "http://evil.example/")], "")]).await;
    for _ in 0..2 {
        assert!(matches!(client.invoke(Invoke::new("x")).await.unwrap_err(), InvokeError::Protocol { .. }));
    }
}

#[tokio::test]
async fn answers_are_bounded() {
    let served = [("x-ameide-served-version", "7")];
    let (client, _) = serve(vec![
        answer(200, &served, vec![b' '; ANSWER_BYTES_MAX]),
        answer(200, &served, vec![b' '; ANSWER_BYTES_MAX + 1]),
        answer(200, &[], vec![b' '; ANSWER_BYTES_MAX + 1]),
        answer(200, &[], vec![b'x'; (1 << 20) + (1 << 18)]),
    ])
    .await;
    assert_eq!(client.invoke(Invoke::new("x")).await.unwrap().output.len(), ANSWER_BYTES_MAX);
    assert!(matches!(client.invoke(Invoke::new("x")).await.unwrap_err(), InvokeError::Protocol { .. }));
    assert!(matches!(client.get("/x").await.unwrap().bytes().await.unwrap_err(), InvokeError::Protocol { .. }));
    assert!(matches!(client.get("/x").await.unwrap().next_line().await.unwrap_err(), InvokeError::Protocol { .. }));
}

#[tokio::test]
async fn a_dead_address_is_unreachable_and_unsent() {
    let (_held, port) = dead_port();
    let client = HttpClient::builder().retries(1).connect_http(&tcp(port)).unwrap();
    let error = client.invoke(Invoke::new("x")).await.unwrap_err();
    assert!(matches!(error, InvokeError::Unreachable { sent: false, .. }), "{error:?}");
}

#[tokio::test]
async fn a_silent_host_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = HttpClient::builder().connect_http(&tcp(listener.local_addr().unwrap().port())).unwrap();
    let error = client.invoke(Invoke::new("x").timeout(Duration::from_millis(50))).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Deadline));
}

#[tokio::test]
async fn documents_come_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ext.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let script = vec![answer(200, &[], "two"), answer(200, &[("etag", "e")], "one\r\n\ntail")];
        converse(stream, Arc::new(Mutex::new(script)), kept).await;
    });
    let client = HttpClient::builder().connect_http(&format!("unix:{}", path.display()).parse().unwrap()).unwrap();
    let mut document = client.get("/v1/a?after=1").await.unwrap();
    assert_eq!(document.headers()["etag"], "e");
    for expected in [Some("one"), Some(""), Some("tail"), None, None] {
        assert_eq!(document.next_line().await.unwrap().as_deref(), expected.map(str::as_bytes));
    }
    drop(document);
    // One accept: the second request went over the same connection.
    assert_eq!(client.get("/v1/b").await.unwrap().bytes().await.unwrap(), "two");
    assert_eq!(asked.lock().unwrap()[0].0.uri, "/v1/a?after=1");
    assert_eq!(client.get("no slash").await.unwrap_err().code(), Some(ErrorCode::BadRequest));
}

/// A line is given out when it is whole, while the stream stays open.
#[tokio::test]
async fn lines_come_as_they_are_written() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = HttpClient::builder().connect_http(&tcp(listener.local_addr().unwrap().port())).unwrap();
    let (write, read) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
    let read = Mutex::new(Some(read));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|_| async {
            let frames = read.lock().unwrap().take().unwrap();
            Ok::<_, Infallible>(Response::new(StreamBody::new(ReceiverStream::new(frames))))
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap();
    });
    let send = async |text: &'static str| write.send(Ok(Frame::data(text.into()))).await.unwrap();
    let mut document = client.get("/v1/extensions/x/logs").await.unwrap();
    send("{\"seq\":1}\n{\"se").await;
    assert_eq!(document.next_line().await.unwrap().unwrap(), "{\"seq\":1}");
    send("q\":2}\n").await;
    assert_eq!(document.next_line().await.unwrap().unwrap(), "{\"seq\":2}");
    drop(write);
    assert_eq!(document.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn a_batch_is_an_array_for_an_array() {
    let body = r#"[
        {"output":{"net": 1},"served_version":7,"stats":{"cpu_micros":41,"wall_micros":90,"queue_micros":2,"memory_peak_bytes":65536,"host_calls":1}},
        {"error":{"error_code":"QUOTA_EXCEEDED","detail":"the tenant's rate","retry_after_ms":20}},
        {"output":null,"served_version":6,"fallback":{"action":"last_good","cause":"trap","message":"it trapped"},"later":1}
    ]"#;
    let (client, asked) = serve(vec![answer(200, &[("x-ameide-correlation-id", "c-2")], body)]).await;
    let results = client.invoke_batch(Invoke::new("vat").point("tool").batch(["1", "2", "[3]"])).await.unwrap();
    let first = results[0].as_ref().unwrap();
    assert_eq!((first.output.as_ref(), first.served_version.get(), first.correlation.as_deref()), (b"{\"net\": 1}".as_slice(), 7, Some("c-2")));
    assert_eq!(first.stats.unwrap().cpu, Duration::from_micros(41));
    let InvokeError::Refused(refused) = results[1].as_ref().unwrap_err() else { panic!("not refused") };
    assert_eq!((refused.code, refused.retry_after), (ErrorCode::QuotaExceeded, Some(Duration::from_millis(20))));
    let third = results[2].as_ref().unwrap();
    assert_eq!((third.output.as_ref(), third.fallback.as_ref().unwrap().action.as_str()), (b"null".as_slice(), "last_good"));
    let (head, sent) = asked.lock().unwrap().pop().unwrap();
    assert_eq!((head.uri.path(), sent.as_ref()), ("/v1/extensions/vat:invoke-batch", b"[1,2,[3]]".as_slice()));
}
