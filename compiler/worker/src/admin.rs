//! The worker's one listener: metrics and probes.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use extensions_tls::ServerTls;
use extensions_types::with_causes;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

/// Scrapers, probes and a person.
const CONNECTIONS_MAX: usize = 64;
/// A head must be there within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A scraper that keeps its connection makes a new one every few minutes.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);
/// After an error of accept (no descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone)]
struct Shown {
    metrics: Arc<Mutex<Registry>>,
    ready: watch::Receiver<bool>,
}

/// Listens at `address` until the process ends, with TLS where there is a
/// certificate; `ready` is what `/readyz` says.
pub(crate) async fn serve(address: SocketAddr, tls: Option<ServerTls>, metrics: Registry, ready: watch::Receiver<bool>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let shown = Shown { metrics: Arc::new(Mutex::new(metrics)), ready };
    let routes = Router::new().route("/metrics", get(show)).route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz));
    tokio::spawn(accept(listener, tls, routes.with_state(shown)));
    Ok(address)
}

/// Each connection has a place and a task of its own: one that says nothing holds up nobody.
async fn accept(listener: TcpListener, tls: Option<ServerTls>, routes: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (tls, routes) = (tls.clone(), routes.clone());
                tokio::spawn(async move {
                    // Probes and scrapes are short; whoever stays is in the way of others.
                    let _ = timeout(CONNECTION_LIFE, secure(stream, tls, routes)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the admin address could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn secure(stream: TcpStream, tls: Option<ServerTls>, routes: Router) {
    match tls {
        None => speak(stream, routes).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => speak(stream, routes).await,
            Err(error) => tracing::debug!(error = %with_causes(&error), "closed: no TLS handshake"),
        },
    }
}

async fn speak<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: T, routes: Router) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await {
        tracing::debug!(%error, "a connection to the admin address ended otherwise than by its protocol");
    }
}

async fn show(State(shown): State<Shown>) -> impl IntoResponse {
    let mut text = String::new();
    let encoded = encode(&mut text, &shown.metrics.lock().unwrap_or_else(PoisonError::into_inner));
    // Writing to a string cannot fail.
    let status = if encoded.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, [(CONTENT_TYPE, OPEN_METRICS)], text)
}

async fn readyz(State(shown): State<Shown>) -> impl IntoResponse {
    if *shown.ready.borrow() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: the registry does not answer, or dependencies are being built\n")
    }
}
