//! Settings of both ends: files alone, so that each can be replaced.

use std::path::PathBuf;

use serde::Deserialize;

/// A listener's TLS: the section `[listen.tls]` and its like. All files are PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTlsSettings {
    /// The server's certificate, and those between it and the authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// Authorities of clients: a client with a certificate of none of them is refused. None: clients need none.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client without a certificate is refused, too.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// Whether clients must have a certificate, where `client_ca_file` names their authorities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// Whoever has none is refused.
    #[default]
    Required,
    /// Whoever has none is nobody by certificate.
    Optional,
}

/// A client's TLS: the section `[redis.tls]` and its like. All files are PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTlsSettings {
    /// Authorities of servers. None: those of the machine.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate, where the server asks for one.
    pub cert_file: Option<PathBuf>,
    /// Its private key.
    pub key_file: Option<PathBuf>,
}

impl ClientTlsSettings {
    /// Whether nothing is set: the machine's authorities, no certificate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
