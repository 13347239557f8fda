//! TLS of every listener and client, with certificates that are replaced while running.
//!
//! [`ServerTls`] and [`ClientTls`] hold what is in force; both follow their
//! files ([`Followed`](extensions_service::Followed)): a pair that works takes
//! the place of the old one, one that does not is named and changes nothing.
//! TLS 1.2 and 1.3, by aws-lc-rs alone. Knows no protocol above TLS but the
//! names with which one is agreed on.

mod client;
mod connector;
mod error;
mod handshake;
mod listeners;
mod peer_names;
mod pem;
mod server;
mod settings;

pub use client::{ClientPem, ClientTls};
pub use connector::{Connected, Connector};
pub use error::TlsError;
pub use handshake::{HANDSHAKE_WITHIN, HandshakeError};
pub use listeners::{ListenTls, SectionError};
pub use peer_names::{NotAPeerName, PeerName, PeerNames};
pub use server::ServerTls;
pub use settings::{ClientCertificates, ClientTlsSettings, ServerTlsSettings};
pub use tokio_rustls::{
    client::TlsStream as ClientStream,
    rustls::{ClientConfig, ServerConfig},
    server::TlsStream as ServerStream,
};

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};

/// What two ends agree on before a connection's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// None is named: Redis.
    Unnamed,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: gRPC.
    Http2,
}

const ALPN_HTTP1: &[u8] = b"http/1.1";
const ALPN_HTTP2: &[u8] = b"h2";

/// The one provider of cryptography; a process's default is never asked for.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}
