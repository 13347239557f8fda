//! What every gRPC client here shares: one connection, and a request's head.

use std::time::Duration;

use extensions_tls::{ClientTls, Protocol};
use http::{HeaderMap, header::AUTHORIZATION};
use tonic::{
    Request,
    transport::{Channel, Endpoint as ChannelEndpoint},
};

use crate::{ConfigError, Endpoint, builder::Settings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Finds a peer that is gone without a word, while calls wait for it.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// A connection to `endpoint`, made when it is first used; with TLS where there is one for it.
pub(crate) fn channel(endpoint: &Endpoint, tls: Option<&ClientTls>) -> Result<Channel, ConfigError> {
    let wrong = |source| ConfigError::Endpoint { endpoint: endpoint.to_string(), source };
    let channel = ChannelEndpoint::from_shared(endpoint.to_string())
        .map_err(wrong)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        .user_agent(concat!("extensions-client/", env!("CARGO_PKG_VERSION")))
        .map_err(wrong)?;
    Ok(match tls {
        Some(tls) => channel.connect_with_connector_lazy(tls.connector(Protocol::Http2)),
        None => channel.connect_lazy(),
    })
}

/// A request with the token, and with the deadline where there is one.
pub(crate) fn request<T>(message: T, settings: &Settings, left: Option<Duration>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(left) = left {
        request.set_timeout(left);
    }
    let headers: &mut HeaderMap = request.metadata_mut().as_mut();
    headers.extend(settings.authorization.clone().map(|value| (AUTHORIZATION, value)));
    request
}
