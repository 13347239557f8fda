//! Handshakes that succeed, and the ways in which they do not.

use std::sync::Arc;

use extensions_test_servers::Validity;
use extensions_tls::{
    ClientCertificates, ClientStream, ClientTls, ClientTlsSettings, HANDSHAKE_WITHIN, HandshakeError, PeerName, PeerNames, Protocol, ServerConfig,
    ServerStream, ServerTls, ServerTlsSettings,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::Instant,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        HandshakeKind,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::{authority, client, pair, server, server_settings, trusting};

type Ends = (Result<ServerStream<DuplexStream>, HandshakeError>, Result<ClientStream<DuplexStream>, HandshakeError>);

pub(crate) async fn meet(server: &ServerTls, client: &ClientTls, name: &str, protocol: Protocol) -> Ends {
    let (near, far) = duplex(64 << 10);
    tokio::join!(server.accept(near), client.connect(name, far, protocol))
}

#[tokio::test]
async fn both_ends_agree_on_a_protocol_and_talk() {
    let authority = authority();
    let (server, client) = (server(&pair(&authority)), client(&authority.ca_file()));
    for (protocol, agreed) in [(Protocol::Http2, Some(&b"h2"[..])), (Protocol::Http1, Some(b"http/1.1")), (Protocol::Unnamed, None)] {
        for name in ["localhost", "127.0.0.1"] {
            let (near, far) = meet(&server, &client, name, protocol).await;
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            assert_eq!(near.get_ref().1.alpn_protocol(), agreed);
            far.write_all(b"word").await.unwrap();
            far.flush().await.unwrap();
            let mut word = [0; 4];
            near.read_exact(&mut word).await.unwrap();
            assert_eq!(&word, b"word");
        }
    }
}

#[tokio::test]
async fn another_name_and_another_authority_are_told_apart() {
    let authority = authority();
    let server = server(&pair(&authority));
    let (_, far) = meet(&server, &client(&authority.ca_file()), "registry.example", Protocol::Http2).await;
    let error = far.unwrap_err();
    assert!(matches!(error, HandshakeError::OtherName(_)) && error.to_string().contains("another name"), "{error}");
    let stranger = crate::authority();
    let (near, far) = meet(&server, &client(&stranger.ca_file()), "localhost", Protocol::Http2).await;
    assert!(matches!(far.unwrap_err(), HandshakeError::UnknownAuthority(_)));
    assert!(near.is_err());
}

/// A server that does not look at its own certificate: ours would not start.
async fn careless(validity: Validity) -> HandshakeError {
    let authority = authority();
    let pair = authority.issue(&["localhost"], validity).unwrap();
    let chain = vec![CertificateDer::from_pem_file(&pair.cert_file).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&pair.key_file).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let (near, far) = duplex(64 << 10);
    let client = client(&authority.ca_file());
    let (_, far) = tokio::join!(TlsAcceptor::from(Arc::new(config)).accept(near), client.connect("localhost", far, Protocol::Http1));
    far.unwrap_err()
}

#[tokio::test]
async fn a_server_outside_of_its_certificates_time_is_not_believed() {
    assert!(matches!(careless(Validity::Expired).await, HandshakeError::Expired(_)));
    assert!(matches!(careless(Validity::NotYet).await, HandshakeError::NotYetValid(_)));
}

#[tokio::test]
async fn a_server_that_asks_for_certificates_takes_those_of_its_authority_alone() {
    let (authority, clients) = (authority(), crate::authority());
    let asking = ServerTlsSettings { client_ca_file: Some(clients.ca_file()), ..server_settings(&pair(&authority)) };
    let asking = ServerTls::open(&asking).unwrap();
    let with = |issuer: &extensions_test_servers::Authority| {
        let own = issuer.issue(&[], Validity::Now).unwrap();
        let settings = ClientTlsSettings { cert_file: Some(own.cert_file), key_file: Some(own.key_file), ..trusting(authority.ca_file()) };
        ClientTls::open(&settings).unwrap()
    };
    let (near, far) = meet(&asking, &with(&clients), "localhost", Protocol::Http2).await;
    assert!(near.is_ok() && far.is_ok());
    let (near, _) = meet(&asking, &with(&authority), "localhost", Protocol::Http2).await;
    assert!(matches!(near.unwrap_err(), HandshakeError::UnknownAuthority(_)));
    let (near, _) = meet(&asking, &client(&authority.ca_file()), "localhost", Protocol::Http2).await;
    assert!(matches!(near.unwrap_err(), HandshakeError::NoCertificate(_)));
}

#[tokio::test]
async fn what_is_no_tls_is_refused_at_its_first_bytes() {
    let authority = authority();
    let server = server(&pair(&authority));
    for bytes in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 64], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]] {
        let (near, mut far) = duplex(64 << 10);
        far.write_all(bytes).await.unwrap();
        far.shutdown().await.unwrap();
        assert!(matches!(server.accept(near).await.unwrap_err(), HandshakeError::NotTls(_) | HandshakeError::Failed(_)), "{bytes:?}");
    }
    let (near, mut far) = duplex(64 << 10);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    assert!(matches!(client(&authority.ca_file()).connect("localhost", near, Protocol::Http1).await.unwrap_err(), HandshakeError::NotTls(_)));
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_left_after_a_time() {
    let authority = authority();
    let server = server(&pair(&authority));
    for said in [&b""[..], &[0x16], &[0x16, 3, 1, 1, 0, 1, 0]] {
        let (near, mut far) = duplex(64 << 10);
        far.write_all(said).await.unwrap();
        let began = Instant::now();
        assert!(matches!(server.accept(near).await.unwrap_err(), HandshakeError::TimedOut));
        assert_eq!(began.elapsed().as_secs(), HANDSHAKE_WITHIN.as_secs());
        drop(far);
    }
}

#[tokio::test]
async fn a_clients_certificate_is_looked_at_in_each_handshake_and_says_its_names() {
    let authority = authority();
    let asking = |client_certificates| {
        let settings = server_settings(&pair(&authority));
        ServerTls::open(&ServerTlsSettings { client_ca_file: Some(authority.ca_file()), client_certificates, ..settings }).unwrap()
    };
    let with = |names: &[&str]| {
        let own = authority.issue(names, Validity::Now).unwrap();
        ClientTls::open(&ClientTlsSettings { cert_file: Some(own.cert_file), key_file: Some(own.key_file), ..trusting(authority.ca_file()) }).unwrap()
    };
    let wanted = |text: &str| [text.parse::<PeerName>().unwrap()];
    let (required, optional) = (asking(ClientCertificates::Required), asking(ClientCertificates::Optional));
    let orders = with(&["orders.example", "spiffe://example/orders", "127.0.0.9", "*.wild.example"]);
    for _ in 0..3 {
        let (near, far) = meet(&required, &orders, "localhost", Protocol::Http1).await;
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        let names = PeerNames::of(&near);
        assert!(names.any_of(&wanted("orders.example")) && names.any_of(&wanted("spiffe://example/orders")), "{names:?}");
        assert!(!names.any_of(&wanted("x.wild.example")) && !names.any_of(&wanted("billing.example")), "{names:?}");
        // A resumed session would outlive its certificate.
        assert_eq!(near.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        // Would there be a ticket, the client reads it here and resumes with it.
        near.write_all(b"x").await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), b'x');
    }
    let (near, far) = meet(&optional, &client(&authority.ca_file()), "localhost", Protocol::Http1).await;
    assert!(far.is_ok() && PeerNames::of(&near.unwrap()) == PeerNames::default(), "nobody by certificate");
    let (near, _) = meet(&required, &client(&authority.ca_file()), "localhost", Protocol::Http1).await;
    assert!(matches!(near.unwrap_err(), HandshakeError::NoCertificate(_)));
    let others = crate::authority();
    let stranger = others.issue(&["orders.example"], Validity::Now).unwrap();
    let stranger = ClientTlsSettings { cert_file: Some(stranger.cert_file), key_file: Some(stranger.key_file), ..trusting(authority.ca_file()) };
    let (near, _) = meet(&optional, &ClientTls::open(&stranger).unwrap(), "localhost", Protocol::Http1).await;
    assert!(near.is_err(), "a certificate of another authority is refused, not taken for none");
}
