//! The plain HTTP client: HTTP/1.1 over TCP, TLS or a Unix socket, for what needs
//! no gRPC and for streams of lines.

mod batch;
mod document;
mod problem;
mod request;
mod switches;
mod unix;

use std::time::Duration;

use bytes::Bytes;
use extensions_tls::{ClientTls, Connector, Protocol};
use extensions_types::ErrorCode;
use http::{HeaderMap, Method, Request, Response, Uri, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

pub use self::document::Document;
use self::unix::UnixConnector;
use crate::{
    ANSWER_BYTES_MAX, Batch, Builder, Endpoint, Fallback, Invocation, Invoke, InvokeError, Results, Stats,
    answer::version,
    batch::{BATCH_ANSWER_BYTES_MAX, for_inputs},
    builder::Settings,
    headers::{CORRELATION_ID, FALLBACK, SERVED_VERSION, STATS, text},
    retry::{self, Effect},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Invokes extensions over plain HTTP. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    pool: Connections,
    base: Uri,
    settings: Settings,
}

#[derive(Debug, Clone)]
enum Connections {
    Tcp(Pool<HttpConnector, Full<Bytes>>),
    Tls(Pool<Connector, Full<Bytes>>),
    Unix(Pool<UnixConnector, Full<Bytes>>),
}

impl HttpClient {
    /// Settings for a client; end with [`connect_http`](Builder::connect_http).
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(endpoint: &Endpoint, tls: Option<&ClientTls>, settings: Settings) -> Self {
        let mut pools = Pool::builder(TokioExecutor::new());
        pools.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
        let (pool, base) = match (endpoint, tls) {
            (Endpoint::Tcp(uri), Some(tls)) => (Connections::Tls(pools.build(tls.connector(Protocol::Http1))), uri.clone()),
            (Endpoint::Tcp(uri), None) => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
                (Connections::Tcp(pools.build(connector)), uri.clone())
            }
            (Endpoint::Unix(path), _) => (Connections::Unix(pools.build(UnixConnector::new(path))), Uri::from_static("http://localhost")),
        };
        Self { pool, base, settings }
    }

    /// Runs one extension once: `POST /v1/extensions/{id}:invoke`.
    ///
    /// # Errors
    /// As [`Client::invoke`](crate::Client::invoke).
    pub async fn invoke(&self, call: Invoke) -> Result<Invocation, InvokeError> {
        let headers = request::headers(&call)?;
        retry::within(call.timeout.unwrap_or(self.settings.timeout), self.settings.retries, Effect::Twice, |left| {
            let sent = self.send(Method::POST, request::path(&call, "invoke", left), headers.clone(), call.input.clone());
            async move {
                let (head, body) = sent.await?.into_parts();
                invocation(&head, whole(body, ANSWER_BYTES_MAX).await?)
            }
        })
        .await
    }

    /// Runs one extension once for each input: `POST /v1/extensions/{id}:invoke-batch`.
    ///
    /// # Errors
    /// As [`Client::invoke_batch`](crate::Client::invoke_batch), and when an input is not JSON.
    pub async fn invoke_batch(&self, batch: Batch) -> Result<Results, InvokeError> {
        let headers = request::headers(&batch.call)?;
        let inputs = batch::array(&batch.inputs)?;
        let results = retry::within(batch.call.timeout.unwrap_or(self.settings.timeout), self.settings.retries, Effect::Twice, |left| {
            let path = request::path(&batch.call, "invoke-batch", for_inputs(left));
            let sent = self.send(Method::POST, path, headers.clone(), inputs.clone());
            async move {
                let (head, body) = sent.await?.into_parts();
                batch::results(&head, &whole(body, BATCH_ANSWER_BYTES_MAX).await?)
            }
        })
        .await?;
        batch.complete(results)
    }

    /// Opens the document at `path` (with its query), once its head has come.
    /// The client's timeout bounds the wait for the head, not the reading.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn get(&self, path: &str) -> Result<Document, InvokeError> {
        let (head, body) = retry::within(self.settings.timeout, self.settings.retries, Effect::Once, |_| {
            let sent = self.send(Method::GET, path.to_owned(), HeaderMap::new(), Bytes::new());
            async move {
                let (head, body) = sent.await?.into_parts();
                if head.status.is_success() {
                    Ok((head, body))
                } else {
                    Err(problem::failed(head.status, &head.headers, &whole(body, ANSWER_BYTES_MAX).await?))
                }
            }
        })
        .await?;
        Ok(Document::new(head.headers, body))
    }

    async fn send(&self, method: Method, path: String, headers: HeaderMap, body: Bytes) -> Result<Response<Incoming>, InvokeError> {
        let mut parts = self.base.clone().into_parts();
        let odd = |_| InvokeError::refused(ErrorCode::BadRequest, "the path cannot stand in a URL");
        parts.path_and_query = Some(path.parse().map_err(odd)?);
        let uri = Uri::from_parts(parts).map_err(|_| InvokeError::refused(ErrorCode::BadRequest, "the path must begin with /"))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().extend(self.settings.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let response = match &self.pool {
            Connections::Tcp(pool) => pool.request(request),
            Connections::Tls(pool) => pool.request(request),
            Connections::Unix(pool) => pool.request(request),
        };
        response.await.map_err(|error| InvokeError::Unreachable { sent: !error.is_connect(), source: error.into() })
    }
}

/// The extension's answer, or what the problem document says.
fn invocation(head: &http::response::Parts, body: Bytes) -> Result<Invocation, InvokeError> {
    if !head.status.is_success() {
        return Err(problem::failed(head.status, &head.headers, &body));
    }
    Ok(Invocation {
        output: body,
        served_version: version(&text(&head.headers, &SERVED_VERSION).unwrap_or_default())?,
        stats: text(&head.headers, &STATS).map(|value| Stats::of_header(&value)),
        fallback: text(&head.headers, &FALLBACK).map(|value| fallback(&value)),
        correlation: text(&head.headers, &CORRELATION_ID),
    })
}

/// All of a body, within the bound.
async fn whole(body: Incoming, bytes_max: usize) -> Result<Bytes, InvokeError> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(InvokeError::protocol(format!("the answer is larger than {bytes_max} bytes")))
        }
        Err(source) => Err(InvokeError::Unreachable { sent: true, source }),
    }
}

/// `skip; cause=trap`: the action, then parameters.
fn fallback(header: &str) -> Fallback {
    let mut parts = header.split(';').map(str::trim);
    let action = parts.next().unwrap_or_default().to_owned();
    let cause = parts.find_map(|part| part.strip_prefix("cause=")).unwrap_or_default().to_owned();
    Fallback { action, cause, message: String::new() }
}
