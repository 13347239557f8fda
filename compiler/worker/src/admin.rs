//! The worker's one listener: metrics and probes.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{net::TcpListener, sync::watch};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone)]
struct Shown {
    metrics: Arc<Mutex<Registry>>,
    ready: watch::Receiver<bool>,
}

/// Listens at `address` until the process ends; `ready` is what `/readyz` says.
pub(crate) async fn serve(address: SocketAddr, metrics: Registry, ready: watch::Receiver<bool>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let shown = Shown { metrics: Arc::new(Mutex::new(metrics)), ready };
    let routes = Router::new().route("/metrics", get(show)).route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes.with_state(shown)).await {
            tracing::error!(%error, "the admin listener has ended");
        }
    });
    Ok(address)
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
