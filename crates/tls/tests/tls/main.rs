//! Both ends of TLS against each other, and against what is no TLS.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod files;
mod handshakes;
mod rotation;

use std::path::{Path, PathBuf};

use extensions_test_servers::{Authority, Pair, Validity};
use extensions_tls::{ClientCertificates, ClientTls, ClientTlsSettings, ServerTls, ServerTlsSettings};

fn authority() -> Authority {
    Authority::new().unwrap()
}

fn pair(authority: &Authority) -> Pair {
    authority.issue(&["localhost", "127.0.0.1"], Validity::Now).unwrap()
}

fn server_settings(pair: &Pair) -> ServerTlsSettings {
    ServerTlsSettings {
        cert_file: pair.cert_file.clone(),
        key_file: pair.key_file.clone(),
        client_ca_file: None,
        client_certificates: ClientCertificates::Required,
    }
}

fn server(pair: &Pair) -> ServerTls {
    ServerTls::open(&server_settings(pair)).unwrap()
}

fn trusting(ca_file: impl Into<Option<PathBuf>>) -> ClientTlsSettings {
    ClientTlsSettings { ca_file: ca_file.into(), cert_file: None, key_file: None }
}

fn client(ca_file: &Path) -> ClientTls {
    ClientTls::open(&trusting(ca_file.to_owned())).unwrap()
}
