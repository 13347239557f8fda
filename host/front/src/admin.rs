//! What operators read: metrics for a scraper, and the front's own state.
//!
//! Metrics need no token on the admin listener, which is not for callers;
//! everything else there needs `platform:operate`.

use std::sync::PoisonError;

use extensions_types::Switch;
use http::{HeaderValue, Response, StatusCode, request::Parts};
use prometheus_client::encoding::text::encode;
use serde::Serialize;

use crate::{
    auth::{Caller, authenticate},
    body::FrontBody,
    connection::Conn,
    http::{JSON, text},
    metrics::Class,
    refused::Refused,
    service::Service,
    shared::Shared,
};

const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The registry as text.
pub(crate) fn metrics<S: Service>(shared: &Shared<S>) -> Result<(Response<FrontBody>, Class), Refused> {
    let mut exposition = String::with_capacity(16 << 10);
    let registry = shared.registry.lock().unwrap_or_else(PoisonError::into_inner);
    let encoded = encode(&mut exposition, &registry);
    drop(registry);
    encoded.map_err(|_| Refused::new(extensions_types::ErrorCode::Internal, "a metric cannot be encoded"))?;
    Ok((text(StatusCode::OK, OPENMETRICS, exposition), Class::Ok))
}

#[derive(Serialize)]
struct Status<A, C> {
    #[serde(flatten)]
    about: A,
    ready: bool,
    draining: bool,
    connections_open: u64,
    requests_in_flight: u64,
    catalogs: C,
    /// What is switched off on this host alone.
    local_switches: Vec<Switch>,
}

/// `GET /admin/v1/status`.
pub(crate) async fn status<S: Service>(conn: &Conn<S>, head: &Parts) -> Result<(Response<FrontBody>, Class), Refused> {
    let Caller { principal, .. } = authenticate(conn, &head.headers).await?;
    conn.shared.service.authorize_admin(&principal)?;
    let shared = &conn.shared;
    let status = Status {
        about: shared.service.about(),
        ready: shared.is_ready(),
        draining: shared.draining.has_begun(),
        connections_open: shared.metrics.open(),
        requests_in_flight: shared.metrics.in_flight(),
        catalogs: shared.service.catalogs(),
        local_switches: shared.service.local_switches(),
    };
    // Booleans, numbers and texts always serialise.
    Ok((text(StatusCode::OK, JSON, serde_json::to_vec(&status).unwrap_or_default()), Class::Ok))
}

/// `GET /healthz`: the process answers.
pub(crate) fn healthz() -> (Response<FrontBody>, Class) {
    (text(StatusCode::OK, PLAIN, "ok\n"), Class::Ok)
}

/// `GET /readyz`: calls are wanted here.
pub(crate) fn readyz<S: Service>(shared: &Shared<S>) -> (Response<FrontBody>, Class) {
    if shared.is_ready() {
        (text(StatusCode::OK, PLAIN, "ready\n"), Class::Ok)
    } else {
        let why = if shared.draining.has_begun() { "draining\n" } else { "not ready\n" };
        (text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, why), Class::Server)
    }
}
