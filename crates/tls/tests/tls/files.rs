//! Files that cannot be used: each has a text of its own.

use std::fs;

use extensions_test_servers::{Authority, Validity};
use extensions_tls::{ClientTls, ClientTlsSettings, ServerTls, ServerTlsSettings, TlsError};

use crate::{authority, pair, server_settings, trusting};

fn refused(settings: &ServerTlsSettings) -> TlsError {
    ServerTls::open(settings).unwrap_err()
}

#[test]
fn a_certificate_outside_of_its_time_says_which_end() {
    let authority = authority();
    let of = |validity| server_settings(&authority.issue(&["localhost"], validity).unwrap());
    let (expired, early) = (refused(&of(Validity::Expired)), refused(&of(Validity::NotYet)));
    assert!(matches!(expired, TlsError::Expired { .. }) && expired.to_string().contains("has expired on"), "{expired}");
    assert!(matches!(early, TlsError::NotYetValid { .. }) && early.to_string().contains("valid only from"), "{early}");
}

#[test]
fn a_key_of_another_certificate_is_named_with_both_files() {
    let authority = authority();
    let (one, other) = (pair(&authority), pair(&authority));
    let mixed = ServerTlsSettings { key_file: other.key_file.clone(), ..server_settings(&one) };
    let error = refused(&mixed);
    let text = error.to_string();
    assert!(matches!(error, TlsError::OtherKey { .. }), "{text}");
    assert!(text.contains(one.cert_file.to_str().unwrap()) && text.contains(other.key_file.to_str().unwrap()), "{text}");
}

#[test]
fn a_servers_certificate_names_a_host() {
    let nameless = authority().issue(&[], Validity::Now);
    // The files went with their authority.
    assert!(matches!(refused(&server_settings(&nameless.unwrap())), TlsError::Files(_)));
    let authority = authority();
    let error = refused(&server_settings(&authority.issue(&[], Validity::Now).unwrap()));
    assert!(matches!(error, TlsError::NoNames { .. }), "{error}");
}

#[test]
fn garbage_is_refused_by_name_and_without_a_panic() {
    let authority = authority();
    let good = pair(&authority);
    let dir = tempfile::tempdir().unwrap();
    let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let key = fs::read_to_string(&good.key_file).unwrap();
    let garbage = [
        Vec::new(),
        vec![0; 4_096],
        b"-----BEGIN CERTIFICATE-----\n".to_vec(),
        pem("CERTIFICATE", "!!!!").into_bytes(),
        pem("CERTIFICATE", "AAAA").into_bytes(),
        pem("CERTIFICATE", "MIIBAAAAAAAAAAAAAAAAAAAA").into_bytes(),
        key.into_bytes(),
        vec![b'x'; 2 << 20],
    ];
    for (number, bytes) in garbage.iter().enumerate() {
        let file = dir.path().join(number.to_string());
        fs::write(&file, bytes).unwrap();
        let as_cert = refused(&ServerTlsSettings { cert_file: file.clone(), ..server_settings(&good) });
        assert!(shown(&as_cert).contains(file.to_str().unwrap()), "{number}: {}", shown(&as_cert));
        let as_ca = ClientTls::open(&trusting(file.clone())).unwrap_err();
        assert!(shown(&as_ca).contains(file.to_str().unwrap()), "{number}: {}", shown(&as_ca));
        let as_clients_ca = refused(&ServerTlsSettings { client_ca_file: Some(file.clone()), ..server_settings(&good) });
        assert!(shown(&as_clients_ca).contains(file.to_str().unwrap()), "{number}: {}", shown(&as_clients_ca));
    }
    for (number, bytes) in garbage.iter().enumerate().filter(|(number, _)| *number != 6) {
        let file = dir.path().join(number.to_string());
        fs::write(&file, bytes).unwrap();
        let as_key = refused(&ServerTlsSettings { key_file: file.clone(), ..server_settings(&good) });
        assert!(shown(&as_key).contains(file.to_str().unwrap()), "{number}: {}", shown(&as_key));
    }
}

fn shown(error: &TlsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn missing_files_and_half_an_identity_are_refused() {
    let authority = authority();
    let pair = pair(&authority);
    let gone = ServerTlsSettings { cert_file: "/nowhere/cert".into(), ..server_settings(&pair) };
    assert!(shown(&refused(&gone)).contains("cannot read /nowhere/cert"));
    let half = ClientTlsSettings { cert_file: Some(pair.cert_file), ..trusting(authority.ca_file()) };
    assert!(matches!(ClientTls::open(&half).unwrap_err(), TlsError::HalfAnIdentity));
}

#[test]
fn a_clients_certificate_is_looked_at_as_a_servers_but_needs_no_name() {
    let authority = authority();
    let with = |authority: &Authority, validity| {
        let own = authority.issue(&[], validity).unwrap();
        ClientTls::open(&ClientTlsSettings { ca_file: Some(authority.ca_file()), cert_file: Some(own.cert_file), key_file: Some(own.key_file) })
    };
    assert!(with(&authority, Validity::Now).unwrap().pem().identity.is_some());
    assert!(matches!(with(&authority, Validity::Expired).unwrap_err(), TlsError::Expired { .. }));
}
