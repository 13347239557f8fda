//! Why certificates, keys and authorities are not used.

use std::path::PathBuf;

use extensions_service::FollowError;
use tokio_rustls::rustls;

/// Why TLS settings are refused: at the start, or a replaced file later.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The files cannot be used; the source says which and why.
    #[error(transparent)]
    Files(FollowError),
    /// Not what it should be.
    #[error("{} holds no {what} in PEM form", path.display())]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// More certificates than a chain or a list of authorities has.
    #[error("{} holds more than {max} certificates", path.display())]
    TooMany {
        /// Which file.
        path: PathBuf,
        /// The bound.
        max: usize,
    },
    /// Bytes that are no certificate.
    #[error("{} holds a certificate that cannot be read: {problem}", path.display())]
    NotACertificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Its time is over.
    #[error("the certificate in {} has expired on {at}; replace it", path.display())]
    Expired {
        /// Which file.
        path: PathBuf,
        /// Its end.
        at: String,
    },
    /// Its time has not come.
    #[error("the certificate in {} is valid only from {at} on; is this machine's clock right?", path.display())]
    NotYetValid {
        /// Which file.
        path: PathBuf,
        /// Its beginning.
        at: String,
    },
    /// A server's certificate that no client would accept.
    #[error("the certificate in {} names no host: issue one with the names of this server as subjectAltName", path.display())]
    NoNames {
        /// Which file.
        path: PathBuf,
    },
    /// The two do not belong together.
    #[error("the key in {} is not the key of the certificate in {}; give the pair that was issued together", key.display(), cert.display())]
    OtherKey {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("cert_file and key_file go together: give both or neither")]
    HalfAnIdentity,
    /// A key or authority that cannot be used otherwise.
    #[error("{} cannot be used", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Authorities of clients that cannot be used.
    #[error("{} holds no authority that clients could be checked against", path.display())]
    ClientAuthorities {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::server::VerifierBuilderError,
    },
    /// The machine has no list of authorities.
    #[error("this machine has no list of authorities ({problem}); name one with ca_file")]
    NoAuthorities {
        /// What was seen.
        problem: String,
    },
    /// The library does not offer what we ask for.
    #[error("TLS cannot be set up")]
    Library(#[source] rustls::Error),
}

impl From<FollowError> for TlsError {
    /// What we said against the files ourselves, as it was said.
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Refused { files, source } => match source.downcast() {
                Ok(ours) => *ours,
                Err(source) => Self::Files(FollowError::Refused { files, source }),
            },
            other => Self::Files(other),
        }
    }
}
