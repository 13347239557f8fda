//! The second listener: metrics and probes.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header::CONTENT_TYPE};
use prometheus_client::{encoding::text::encode, registry::Registry};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) type Shown = Arc<Mutex<Registry>>;

pub(crate) fn routes(shown: Shown) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(shown)
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    let mut text = String::new();
    let encoded = encode(&mut text, &shown.lock().unwrap_or_else(PoisonError::into_inner));
    // Writing to a string cannot fail.
    let status = if encoded.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    (status, [(CONTENT_TYPE, OPEN_METRICS)], text)
}
