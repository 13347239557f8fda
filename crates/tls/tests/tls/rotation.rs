//! Files that are replaced while both ends are at work.

use std::fs;

use extensions_service::Looked;
use extensions_test_servers::Validity;
use extensions_tls::{ClientTls, HandshakeError, Protocol, ServerTls, ServerTlsSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{authority, client, handshakes::meet, pair, server, server_settings};

/// The certificate that the server shows to a client that trusts `client`'s authorities.
async fn shown(server: &ServerTls, client: &ClientTls) -> Vec<u8> {
    let (_, far) = meet(server, client, "localhost", Protocol::Http2).await;
    far.unwrap().get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_new_pair_is_shown_to_new_connections_and_old_ones_go_on() {
    let authority = authority();
    let pair = pair(&authority);
    let (server, client) = (server(&pair), client(&authority.ca_file()));
    let before = shown(&server, &client).await;
    let (near, far) = meet(&server, &client, "localhost", Protocol::Http2).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    authority.renew(&pair, &["localhost"], Validity::Now).unwrap();
    assert_eq!((server.look(), server.look()), (Looked::Replaced, Looked::Same));
    assert_ne!(shown(&server, &client).await, before);
    far.write_all(b"still here").await.unwrap();
    far.flush().await.unwrap();
    let mut word = [0; 10];
    near.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"still here");
}

#[tokio::test]
async fn a_pair_that_does_not_work_changes_nothing_and_says_why() {
    let authority = authority();
    let pair = pair(&authority);
    let (server, client) = (server(&pair), client(&authority.ca_file()));
    let before = shown(&server, &client).await;
    let (good_cert, good_key) = (fs::read(&pair.cert_file).unwrap(), fs::read(&pair.key_file).unwrap());
    for (validity, word) in [(Validity::Expired, "has expired"), (Validity::NotYet, "valid only from")] {
        authority.renew(&pair, &["localhost"], validity).unwrap();
        assert_eq!(server.look(), Looked::Kept);
        assert!(server.problem().unwrap().contains(word), "{:?}", server.problem());
        assert_eq!(shown(&server, &client).await, before);
    }
    authority.renew(&pair, &["localhost"], Validity::Now).unwrap();
    // The certificate is there before its key.
    fs::write(&pair.key_file, &good_key).unwrap();
    assert_eq!(server.look(), Looked::Kept);
    assert!(server.problem().unwrap().contains("is not the key of"), "{:?}", server.problem());
    fs::write(&pair.cert_file, "garbage").unwrap();
    assert_eq!(server.look(), Looked::Kept);
    assert_eq!(shown(&server, &client).await, before);
    fs::write(&pair.cert_file, &good_cert).unwrap();
    assert_eq!((server.look(), server.problem()), (Looked::Same, None));
}

#[tokio::test]
async fn authorities_of_both_ends_are_replaced() {
    let (one, other) = (authority(), authority());
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.crt");
    fs::copy(one.ca_file(), &ca_file).unwrap();
    let (old, new) = (server(&pair(&one)), server(&pair(&other)));
    let client = client(&ca_file);
    assert!(meet(&new, &client, "localhost", Protocol::Http1).await.1.is_err());
    // While servers are replaced, both are trusted.
    fs::write(&ca_file, [fs::read(one.ca_file()).unwrap(), fs::read(other.ca_file()).unwrap()].concat()).unwrap();
    assert_eq!((client.look(), client.generation()), (Looked::Replaced, 1));
    assert!(meet(&old, &client, "localhost", Protocol::Http1).await.1.is_ok());
    assert!(meet(&new, &client, "localhost", Protocol::Http1).await.1.is_ok());
    fs::copy(other.ca_file(), &ca_file).unwrap();
    assert_eq!(client.look(), Looked::Replaced);
    assert!(matches!(meet(&old, &client, "localhost", Protocol::Http1).await.1.unwrap_err(), HandshakeError::UnknownAuthority(_)));

    let clients_ca = dir.path().join("clients.crt");
    fs::copy(one.ca_file(), &clients_ca).unwrap();
    let asking = ServerTls::open(&ServerTlsSettings { client_ca_file: Some(clients_ca.clone()), ..server_settings(&pair(&other)) }).unwrap();
    assert!(meet(&asking, &client, "localhost", Protocol::Http1).await.0.is_err());
    fs::write(&clients_ca, "").unwrap();
    assert_eq!(asking.look(), Looked::Kept);
}
