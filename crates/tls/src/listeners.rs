//! The two listeners of a service: for callers, and for metrics and admin.

use crate::{ServerTls, ServerTlsSettings, TlsError};

/// TLS of a service's listeners.
#[derive(Debug, Clone, Default)]
pub struct ListenTls {
    /// For callers.
    pub main: Option<ServerTls>,
    /// For metrics and admin: its own, else that of callers.
    pub admin: Option<ServerTls>,
}

/// A section that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("[{section}]")]
pub struct SectionError {
    /// Which.
    pub section: &'static str,
    /// Why not.
    #[source]
    pub source: TlsError,
}

impl ListenTls {
    /// Opens `[listen.tls]`, and `[listen.admin_tls]` where metrics and admin
    /// have one of their own: their callers need no certificates, say.
    ///
    /// # Errors
    /// Names the section and the file that cannot be used.
    pub fn open(main: Option<&ServerTlsSettings>, admin: Option<&ServerTlsSettings>) -> Result<Self, SectionError> {
        let open = |section, settings: Option<&ServerTlsSettings>| {
            settings.map(ServerTls::open).transpose().map_err(|source| SectionError { section, source })
        };
        let main = open("listen.tls", main)?;
        let own = open("listen.admin_tls", admin)?;
        Ok(Self { admin: own.or_else(|| main.clone()), main })
    }
}
