//! One request for a JWKS document, bounded in every direction.

use std::{io, time::Duration};

use bytes::Bytes;
use extensions_tls::{ClientTls, Connector, Protocol};
use http::{Request, StatusCode, Uri, header::ACCEPT};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use crate::keys::JWKS_BYTES_MAX;

/// Name, connection, handshake and answer together. Nobody waits for it.
pub(crate) const FETCH_WITHIN: Duration = Duration::from_secs(10);
/// The head of an answer: some cookies of a portal, and no more.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Why keys were not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("cannot be reached")]
    Reach(#[source] hyper_util::client::legacy::Error),
    #[error("answers with the redirect {0}, which is not followed; configure the address that it leads to")]
    Redirect(StatusCode),
    #[error("answers with status {0}")]
    Status(StatusCode),
    #[error("answers with more than {JWKS_BYTES_MAX} bytes")]
    TooLarge,
    #[error("broke off its answer")]
    Broken(#[source] io::Error),
    #[error("did not answer within {} s", FETCH_WITHIN.as_secs())]
    TimedOut,
}

/// Fetches one address.
#[derive(Debug, Clone)]
pub(crate) struct Fetcher {
    client: Client<Connector, Empty<Bytes>>,
    address: Uri,
}

impl Fetcher {
    pub(crate) fn new(address: Uri, tls: &ClientTls) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        // Minutes lie between two requests: no connection is kept, and each sees the certificates in force.
        builder.pool_max_idle_per_host(0).pool_timer(TokioTimer::new()).http1_max_buf_size(HEAD_BYTES_MAX).retry_canceled_requests(false);
        Self { client: builder.build(tls.connector(Protocol::Http1)), address }
    }

    pub(crate) async fn fetch(&self) -> Result<Bytes, FetchError> {
        timeout(FETCH_WITHIN, self.ask()).await.map_err(|_| FetchError::TimedOut)?
    }

    async fn ask(&self) -> Result<Bytes, FetchError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.address.clone();
        request.headers_mut().insert(ACCEPT, http::HeaderValue::from_static("application/jwk-set+json, application/json"));
        let answer = self.client.request(request).await.map_err(FetchError::Reach)?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(FetchError::Redirect(status)),
            status => return Err(FetchError::Status(status)),
        }
        let body = Limited::new(answer.into_body(), JWKS_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|error| if error.is::<LengthLimitError>() { FetchError::TooLarge } else { FetchError::Broken(io::Error::other(error)) })
    }
}
