//! How a handshake ends otherwise than in a connection.

use std::{error::Error, io, time::Duration};

use tokio::time::timeout;
use tokio_rustls::rustls::{self, CertificateError};

/// How long a handshake may take: two round trips around the world, and a lost packet.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// How a handshake ended otherwise than in a connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The other end said too little for too long.
    #[error("no TLS handshake within {} s", HANDSHAKE_WITHIN.as_secs())]
    TimedOut,
    /// The other end's certificate is for other names.
    #[error("the other end's certificate is for another name; reach it by a name in its certificate, or issue one for this name")]
    OtherName(#[source] io::Error),
    /// The other end's certificate has ended.
    #[error("the other end's certificate has expired; replace it there")]
    Expired(#[source] io::Error),
    /// The other end's certificate has not begun.
    #[error("the other end's certificate is not valid yet; are both clocks right?")]
    NotYetValid(#[source] io::Error),
    /// The other end's certificate is of nobody we trust.
    #[error("the other end's certificate is of an unknown authority; name the authority's file (ca_file, --ca, client_ca_file)")]
    UnknownAuthority(#[source] io::Error),
    /// A client without a certificate, where one is asked for.
    #[error("the client has no certificate, and must have one")]
    NoCertificate(#[source] io::Error),
    /// The other end's first bytes are those of another protocol.
    #[error("the other end does not speak TLS here")]
    NotTls(#[source] io::Error),
    /// Anything else.
    #[error("the TLS handshake failed")]
    Failed(#[source] io::Error),
}

impl HandshakeError {
    /// Waits for `handshake` within the time.
    pub(crate) async fn bound<T>(handshake: impl Future<Output = io::Result<T>>) -> Result<T, Self> {
        match timeout(HANDSHAKE_WITHIN, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Self::of(error)),
            Err(_) => Err(Self::TimedOut),
        }
    }

    /// Names what `error` says.
    pub(crate) fn of(error: io::Error) -> Self {
        use rustls::Error::{InvalidCertificate, InvalidMessage, NoCertificatesPresented};
        match cause(&error) {
            Some(InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => Self::OtherName(error),
            Some(InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => Self::Expired(error),
            Some(InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) => Self::NotYetValid(error),
            // A signature that is not the authority's: another authority of the same name.
            Some(InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => Self::UnknownAuthority(error),
            Some(NoCertificatesPresented) => Self::NoCertificate(error),
            Some(InvalidMessage(_)) => Self::NotTls(error),
            _ => Self::Failed(error),
        }
    }
}

/// The library's own error inside of one of I/O.
fn cause(error: &io::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(inner) => inner.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}
