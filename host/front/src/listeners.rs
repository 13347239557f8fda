//! Everything that a front listens on.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use extensions_tls::ServerTls;

use crate::{
    handout::Handout,
    listener::Listener,
    router::Plane,
    runtime::{Addresses, StartError},
    settings::FrontSettings,
};

/// Scrapers and operators; apart, so that callers cannot crowd them out.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Bound, not yet accepting.
pub(crate) struct Listeners {
    tcp: Option<Listener>,
    unix: Option<Listener>,
    admin: Option<Listener>,
}

impl Listeners {
    /// Must be called within a runtime, which will watch the sockets.
    pub(crate) fn bind(settings: &FrontSettings) -> Result<Self, StartError> {
        let tcp = |address: &SocketAddr, tls: &Option<ServerTls>| {
            Listener::tcp(*address, tls.clone()).map_err(|source| StartError::Bind { address: address.to_string(), source })
        };
        let unix = |path: &PathBuf| Listener::unix(path).map_err(|source| StartError::Bind { address: path.display().to_string(), source });
        Ok(Self {
            tcp: settings.listen.as_ref().map(|address| tcp(address, &settings.tls)).transpose()?,
            unix: settings.unix.as_ref().map(unix).transpose()?,
            admin: settings.admin_listen.as_ref().map(|address| tcp(address, &settings.admin_tls)).transpose()?,
        })
    }

    pub(crate) fn addresses(&self, settings: &FrontSettings) -> Addresses {
        let address = |listener: &Option<Listener>| listener.as_ref().and_then(Listener::tcp_address);
        Addresses { tcp: address(&self.tcp), unix: settings.unix.clone(), admin: address(&self.admin) }
    }

    /// Each with its way to the I/O threads: callers share one bound on connections, operators have their own.
    pub(crate) fn with_handouts(self, callers: &Handout) -> Vec<(Listener, Handout)> {
        let operators = Handout { plane: Plane::Admin, open: Arc::default(), max: ADMIN_CONNECTIONS_MAX, ..callers.clone() };
        let of_callers = [self.tcp, self.unix].into_iter().flatten().map(|listener| (listener, callers.clone()));
        of_callers.chain(self.admin.map(|listener| (listener, operators))).collect()
    }
}
