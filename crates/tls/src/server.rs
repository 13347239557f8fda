//! A listener's end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use extensions_service::{Followed, Looked};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
        sign::SingleCertAndKey,
    },
    server::TlsStream,
};

use crate::{
    ALPN_HTTP1, ALPN_HTTP2, ClientCertificates, HandshakeError, ServerTlsSettings, TlsError,
    pem::{End, authorities, identity},
    provider,
};

/// A listener's certificate as it is now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ServerTls {
    followed: Followed<InForce>,
}

struct InForce {
    config: Arc<ServerConfig>,
    ends: SystemTime,
}

impl ServerTls {
    /// Reads the files of `settings`, and follows them.
    ///
    /// # Errors
    /// Names the file that cannot be used: unreadable, no PEM, expired, not
    /// valid yet, without a name, with another's key.
    pub fn open(settings: &ServerTlsSettings) -> Result<Self, TlsError> {
        let settings = settings.clone();
        let files: Vec<PathBuf> = [&settings.cert_file, &settings.key_file].into_iter().chain(&settings.client_ca_file).cloned().collect();
        let read = move |contents: &[Vec<u8>]| in_force(&settings, contents);
        let followed = Followed::open_expiring(files, read, |in_force| Some(in_force.ends))?;
        Ok(Self { followed })
    }

    /// Takes the server's part in a handshake on `stream`: within
    /// [`HANDSHAKE_WITHIN`](crate::HANDSHAKE_WITHIN), with the certificate that is in force now.
    ///
    /// # Errors
    /// Says why there is no connection.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Result<TlsStream<S>, HandshakeError> {
        HandshakeError::bound(TlsAcceptor::from(self.config()).accept(stream)).await
    }

    /// What is in force now.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.followed.current().config)
    }

    /// When the certificate in force ends.
    #[must_use]
    pub fn ends(&self) -> SystemTime {
        self.followed.current().ends
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

fn in_force(settings: &ServerTlsSettings, contents: &[Vec<u8>]) -> Result<InForce, TlsError> {
    let content = |number: usize| contents.get(number).map_or(&[][..], Vec::as_slice);
    let (cert, key) = (settings.cert_file.as_path(), settings.key_file.as_path());
    let identity = identity((cert, content(0)), (key, content(1)), End::Server)?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(TlsError::Library)?;
    let builder = match &settings.client_ca_file {
        Some(path) => builder.with_client_cert_verifier(clients(path, content(2), settings.client_certificates)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified)));
    if settings.client_ca_file.is_some() {
        // A resumed session brings its certificate along and nobody looks again whether that has ended.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
    Ok(InForce { config: Arc::new(config), ends: identity.ends })
}

fn clients(path: &Path, pem: &[u8], certificates: ClientCertificates) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = Arc::new(authorities(path, pem)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let builder = match certificates {
        ClientCertificates::Required => builder,
        ClientCertificates::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|source| TlsError::ClientAuthorities { path: path.to_owned(), source })
}
