//! A client's end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use extensions_service::{Followed, Looked};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, client::ResolvesClientCert, pki_types::ServerName, sign::SingleCertAndKey},
};

use crate::{
    ALPN_HTTP1, ALPN_HTTP2, ClientTlsSettings, Connector, HandshakeError, Protocol, TlsError,
    pem::{End, authorities, identity, machines_authorities},
    provider,
};

/// A client's authorities and certificate as they are now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ClientTls {
    followed: Followed<InForce>,
}

struct InForce {
    unnamed: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    pem: Arc<ClientPem>,
    ends: Option<SystemTime>,
}

/// The texts that are in force, for libraries that read PEM themselves. They were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientPem {
    /// Authorities of servers; none: the machine's.
    pub authorities: Option<Vec<u8>>,
    /// The client's certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl ClientTls {
    /// Reads the files of `settings`, and follows them.
    ///
    /// # Errors
    /// Names the file that cannot be used: unreadable, no PEM, expired, not
    /// valid yet, with another's key.
    pub fn open(settings: &ClientTlsSettings) -> Result<Self, TlsError> {
        if settings.cert_file.is_some() != settings.key_file.is_some() {
            return Err(TlsError::HalfAnIdentity);
        }
        let settings = settings.clone();
        let files: Vec<PathBuf> = [&settings.ca_file, &settings.cert_file, &settings.key_file].into_iter().flatten().cloned().collect();
        let read = move |contents: &[Vec<u8>]| in_force(&settings, contents);
        let followed = Followed::open_expiring(files, read, |in_force| in_force.ends)?;
        Ok(Self { followed })
    }

    /// What is in force now, without a protocol's name.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config_for(Protocol::Unnamed)
    }

    /// What is in force now, for `protocol`.
    #[must_use]
    pub fn config_for(&self, protocol: Protocol) -> Arc<ClientConfig> {
        let current = self.followed.current();
        Arc::clone(match protocol {
            Protocol::Unnamed => &current.unnamed,
            Protocol::Http1 => &current.http1,
            Protocol::Http2 => &current.http2,
        })
    }

    /// The texts that are in force now.
    #[must_use]
    pub fn pem(&self) -> Arc<ClientPem> {
        Arc::clone(&self.followed.current().pem)
    }

    /// Grows with each replacement: new connections should be made then.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.followed.generation()
    }

    /// A way to connect to `http://` and `https://` addresses, for HTTP and gRPC clients.
    #[must_use]
    pub fn connector(&self, protocol: Protocol) -> Connector {
        Connector::new(self.clone(), protocol)
    }

    /// Takes the client's part in a handshake on `stream`, within
    /// [`HANDSHAKE_WITHIN`](crate::HANDSHAKE_WITHIN); `server` is the name or
    /// address that must be in the certificate.
    ///
    /// # Errors
    /// Says why there is no connection.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        server: &str,
        stream: S,
        protocol: Protocol,
    ) -> Result<TlsStream<S>, HandshakeError> {
        let name = ServerName::try_from(server.to_owned()).map_err(|error| HandshakeError::Failed(std::io::Error::other(error)))?;
        HandshakeError::bound(TlsConnector::from(self.config_for(protocol)).connect(name, stream)).await
    }

    /// Why the files that lie there now are not in force.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.followed.problem()
    }

    /// Looks at the files now instead of at the next round. It reads them: not for an I/O thread.
    pub fn look(&self) -> Looked {
        self.followed.look()
    }
}

impl std::fmt::Debug for ClientPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientPem").field("identity", &self.identity.is_some()).finish_non_exhaustive()
    }
}

fn in_force(settings: &ClientTlsSettings, contents: &[Vec<u8>]) -> Result<InForce, TlsError> {
    let mut contents = contents.iter();
    let mut next = |path: &Option<PathBuf>| path.as_ref().map(|path| (path.clone(), contents.next().cloned().unwrap_or_default()));
    let (ca, cert, key) = (next(&settings.ca_file), next(&settings.cert_file), next(&settings.key_file));
    let roots = match &ca {
        Some((path, pem)) => authorities(path, pem)?,
        None => machines_authorities()?,
    };
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(TlsError::Library)?;
    let builder = builder.with_root_certificates(roots);
    let own = match (&cert, &key) {
        (Some(cert), Some(key)) => Some(identity(view(cert), view(key), End::Client)?),
        _ => None,
    };
    let ends = own.as_ref().map(|own| own.ends);
    let config = match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own.certified)) as Arc<dyn ResolvesClientCert>),
        None => builder.with_no_client_auth(),
    };
    let named = |alpn: &[u8]| {
        let mut config = config.clone();
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    };
    let pem = ClientPem { authorities: ca.map(|(_, pem)| pem), identity: cert.zip(key).map(|((_, cert), (_, key))| (cert, key)) };
    Ok(InForce { http1: named(ALPN_HTTP1), http2: named(ALPN_HTTP2), unnamed: Arc::new(config), pem: Arc::new(pem), ends })
}

fn view((path, pem): &(PathBuf, Vec<u8>)) -> (&Path, &[u8]) {
    (path, pem)
}
