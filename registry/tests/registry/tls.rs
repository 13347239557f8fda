//! The program's listeners with TLS.

use std::{net::SocketAddr, path::Path};

use extensions_client::{
    ClientTls, ClientTlsSettings, HandshakeError,
    registry::{Filter, RegistryClient},
};
use extensions_identity::DevKey;
use extensions_registry::{Registry, RegistrySettings};
use extensions_test_servers::{Authority, Pair, Validity};
use extensions_tls::Protocol;
use extensions_types::with_causes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    program::program,
    stage::{ISSUER, Who, token},
};

/// A settings file with a certificate for both listeners.
fn settings(dir: &Path, key: &DevKey, pair: &Pair) -> RegistrySettings {
    RegistrySettings::parse(&text(dir, key, pair), []).unwrap()
}

fn text(dir: &Path, key: &DevKey, pair: &Pair) -> String {
    let jwks = dir.join("jwks.json");
    std::fs::write(&jwks, key.jwks()).unwrap();
    format!(
        "[store]\ndir = '{}'\n[listen]\naddress = '127.0.0.1:0'\nadmin_address = '127.0.0.1:0'\ndrain_notice_ms = 0\n\
         [listen.tls]\ncert_file = '{}'\nkey_file = '{}'\n\
         [[identity.issuers]]\nissuer = '{ISSUER}'\njwks_file = '{}'\ntenants = 'all'\n",
        dir.join("store").display(),
        pair.cert_file.display(),
        pair.key_file.display(),
        jwks.display(),
    )
}

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::open(&ClientTlsSettings { ca_file: Some(authority.ca_file()), ..ClientTlsSettings::default() }).unwrap()
}

async fn get(address: SocketAddr, tls: &ClientTls, path: &str) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tls.connect("localhost", stream, Protocol::Http1).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn both_listeners_speak_tls_and_silence_delays_nobody() {
    let (authority, dir, key) = (Authority::new().unwrap(), tempfile::tempdir().unwrap(), DevKey::generate().unwrap());
    let pair = authority.issue(&["localhost"], Validity::Now).unwrap();
    let registry = Registry::start(&settings(dir.path(), &key, &pair)).await.unwrap();
    let addresses = registry.addresses();
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(addresses.main).await.unwrap());
    }
    let endpoint = format!("https://localhost:{}", addresses.main.port()).parse().unwrap();
    let token = token(&key, &Who::person("ada"));
    let client = |tls| RegistryClient::builder().token(token.clone()).tls(tls).retries(0).connect_registry(&endpoint).unwrap();
    assert!(client(trusting(&authority)).list(&Filter::default(), 10, "").await.is_ok());
    let stranger = client(trusting(&Authority::new().unwrap())).list(&Filter::default(), 10, "").await.unwrap_err();
    assert!(matches!(stranger.handshake(), Some(HandshakeError::UnknownAuthority(_))), "{stranger:?}");
    let metrics = get(addresses.admin.unwrap(), &trusting(&authority), "/metrics").await;
    let ends = format!("extensions_followed_certificate_ends_seconds{{file=\"{}\"}}", pair.cert_file.display());
    assert!(metrics.contains(&ends), "{metrics}");
    // Without TLS there is no answer.
    let mut plain = TcpStream::connect(addresses.main).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"));
    drop(silent);
    registry.drain().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_before_a_port_is_bound() {
    let (authority, dir, key) = (Authority::new().unwrap(), tempfile::tempdir().unwrap(), DevKey::generate().unwrap());
    let (one, other) = (authority.issue(&["localhost"], Validity::Now).unwrap(), authority.issue(&["localhost"], Validity::Expired).unwrap());
    for (pair, word) in [
        (other.clone(), "has expired"),
        (Pair { key_file: other.key_file, ..one.clone() }, "is not the key of"),
        (Pair { cert_file: "/nowhere/cert".into(), ..one.clone() }, "cannot read /nowhere/cert"),
        (Pair { cert_file: one.key_file.clone(), ..one }, "holds no certificate"),
    ] {
        let error = Registry::start(&settings(dir.path(), &key, &pair)).await.unwrap_err();
        let said = with_causes(&error);
        assert!(said.contains("[listen.tls]") && said.contains(word), "{said}");
        let file = dir.path().join("registry.toml");
        std::fs::write(&file, text(dir.path(), &key, &pair)).unwrap();
        let (code, _, err) = program(&["--config", file.to_str().unwrap(), "--check"]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("[listen.tls]") && err.contains(word), "{err}");
    }
}
