//! Connections of HTTP and gRPC clients: `http://` in the open, `https://` by
//! what is in force when the connection is made.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{net::TcpStream, time::timeout};
use tower::Service;

use crate::{ClientTls, HANDSHAKE_WITHIN, HandshakeError, Protocol};

/// What answers at all answers sooner.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A connection as [`Connector`] makes them.
pub type Connected = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connects to `http://` and `https://` addresses. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    http: HttpConnector,
    tls: ClientTls,
    protocol: Protocol,
}

impl Connector {
    pub(crate) fn new(tls: ClientTls, protocol: Protocol) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        Self { http, tls, protocol }
    }
}

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.http.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut https = HttpsConnector::from((self.http.clone(), self.tls.config_for(self.protocol)));
        let connecting = https.call(uri);
        Box::pin(async move {
            match timeout(CONNECT_WITHIN + HANDSHAKE_WITHIN, connecting).await {
                Ok(Ok(connected)) => Ok(connected),
                // What is no error of I/O comes from below TLS: nobody listens, no such name.
                Ok(Err(error)) => Err(error.downcast::<io::Error>().map_or_else(|other| other, |error| HandshakeError::of(*error).into())),
                Err(_) => Err(HandshakeError::TimedOut.into()),
            }
        })
    }
}
