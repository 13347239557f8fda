//! `https://` endpoints: whom the clients believe.

use bytes::Bytes;
use extensions_test_servers::{Authority, Pair, Validity};
use extensions_tls::{ServerTls, ServerTlsSettings};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Builder, Client, ClientTls, ClientTlsSettings, ConfigError, Endpoint, HandshakeError, HttpClient, Invoke, InvokeError};

/// Answers `[1]` to every request, over TLS; the port is its own.
async fn serve(pair: &Pair, client_ca: Option<&Authority>) -> u16 {
    let settings = ServerTlsSettings {
        cert_file: pair.cert_file.clone(),
        key_file: pair.key_file.clone(),
        client_ca_file: client_ca.map(Authority::ca_file),
        client_certificates: Default::default(),
    };
    let tls = ServerTls::open(&settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = tls.accept(stream).await else { continue };
            let answer = service_fn(|_: Request<Incoming>| async {
                Response::builder().header("x-ameide-served-version", "7").body(Full::new(Bytes::from_static(b"[1]")))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    port
}

fn at(host: &str, port: u16) -> Endpoint {
    format!("https://{host}:{port}").parse().unwrap()
}

fn trusting(authority: &Authority) -> ClientTlsSettings {
    ClientTlsSettings { ca_file: Some(authority.ca_file()), ..ClientTlsSettings::default() }
}

fn builder(tls: &ClientTlsSettings) -> Builder {
    HttpClient::builder().retries(0).tls(ClientTls::open(tls).unwrap())
}

async fn call(builder: Builder, endpoint: &Endpoint) -> Result<Bytes, InvokeError> {
    builder.connect_http(endpoint).unwrap().invoke(Invoke::new("x")).await.map(|answer| answer.output)
}

#[tokio::test]
async fn a_server_is_believed_by_its_authority_and_name() {
    let authority = Authority::new().unwrap();
    let port = serve(&authority.issue(&["localhost"], Validity::Now).unwrap(), None).await;
    assert_eq!(call(builder(&trusting(&authority)), &at("localhost", port)).await.unwrap(), "[1]");
    let by_address = call(builder(&trusting(&authority)), &at("127.0.0.1", port)).await.unwrap_err();
    assert!(matches!(by_address.handshake(), Some(HandshakeError::OtherName(_))), "{by_address:?}");
    let stranger = Authority::new().unwrap();
    let unknown = call(builder(&trusting(&stranger)), &at("localhost", port)).await.unwrap_err();
    assert!(matches!(unknown.handshake(), Some(HandshakeError::UnknownAuthority(_))), "{unknown:?}");
    let grpc = Client::builder().retries(0).tls(ClientTls::open(&trusting(&stranger)).unwrap()).connect(&at("localhost", port)).unwrap();
    let unknown = grpc.invoke(Invoke::new("x")).await.unwrap_err();
    assert!(matches!(unknown.handshake(), Some(HandshakeError::UnknownAuthority(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_server_may_ask_for_a_certificate() {
    let authority = Authority::new().unwrap();
    let port = serve(&authority.issue(&["localhost"], Validity::Now).unwrap(), Some(&authority)).await;
    let own = authority.issue(&[], Validity::Now).unwrap();
    let with = ClientTlsSettings { cert_file: Some(own.cert_file), key_file: Some(own.key_file), ..trusting(&authority) };
    assert_eq!(call(builder(&with), &at("localhost", port)).await.unwrap(), "[1]");
    assert!(matches!(call(builder(&trusting(&authority)), &at("localhost", port)).await.unwrap_err(), InvokeError::Unreachable { .. }));
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let refuse = service_fn(|_: Request<Incoming>| async { Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new()))) });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), refuse));
        }
    });
    let authority = Authority::new().unwrap();
    let plain = call(builder(&trusting(&authority)), &at("localhost", port)).await.unwrap_err();
    assert!(plain.handshake().is_some(), "{plain:?}");
    let (_held, port) = super::dead_port();
    assert!(call(builder(&trusting(&authority)), &at("127.0.0.1", port)).await.unwrap_err().handshake().is_none());
}

#[test]
fn files_that_cannot_be_used_are_refused_before_a_connection() {
    let gone = ClientTlsSettings { ca_file: Some("/nowhere/ca.pem".into()), ..ClientTlsSettings::default() };
    let error = ConfigError::from(ClientTls::open(&gone).unwrap_err());
    assert!(extensions_types::with_causes(&error).contains("/nowhere/ca.pem"));
}
