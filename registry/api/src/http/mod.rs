//! The registry over HTTP: JSON in, views out as JSON, streams as SSE.

mod answer;
mod bodies;
mod change;
mod hosts;
mod input;
#[cfg(test)]
mod openapi;
mod operate;
mod precompiled;
mod read;
mod stream;
mod upload;
mod verb;

use axum::{
    Router,
    http::{HeaderMap, Uri, header::CONTENT_TYPE},
    response::Response,
    routing::{get, post, put},
};
use extensions_types::{ErrorCode, Refusal};

pub(crate) use answer::refuse;

use crate::{Service, audit::harmless};

const DOCUMENT: &str = include_str!("../../openapi.json");

/// What needs a token.
pub(crate) fn routes(service: Service) -> Router {
    Router::new()
        .route("/v1/registry/extensions", get(read::list))
        .route("/v1/registry/extensions/{target}", get(read::extension).post(change::extension))
        .route("/v1/registry/extensions/{id}/history", get(read::history))
        .route("/v1/registry/extensions/{id}/versions", post(change::create))
        .route("/v1/registry/extensions/{id}/versions/{target}", get(read::version).post(change::version))
        .route("/v1/registry/extensions/{id}/versions/{version}/bundle", put(upload::bundle))
        .route("/v1/registry/watch", get(stream::watch_tenant))
        .route("/v1/registry/control/{env}", get(operate::control).post(operate::change_control))
        .route("/v1/registry/hosts/{env}", get(hosts::list))
        .route("/v1/registry/precompiled/{env}", get(precompiled::list))
        .route("/v1/registry/tenants/{target}", post(operate::tenant))
        .route("/v1/registry/upkeep", post(operate::upkeep))
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .with_state(service)
}

/// What needs none.
pub(crate) fn open_routes() -> Router {
    Router::new().route("/v1/registry/openapi.json", get(document))
}

async fn document() -> Response {
    answer::text("application/json", DOCUMENT)
}

async fn no_route(uri: Uri, headers: HeaderMap) -> Response {
    if headers.get(CONTENT_TYPE).is_some_and(|content| content.as_bytes().starts_with(b"application/grpc")) {
        return tonic::Status::unimplemented("no such service or method here").into_http();
    }
    let message = format!("nothing is served at {:?}; /v1/registry/openapi.json lists the HTTP API", harmless(uri.path()));
    answer::refuse_as(404, &Refusal::new(ErrorCode::NotFound, message))
}

async fn wrong_method() -> Response {
    answer::refuse_as(405, &Refusal::new(ErrorCode::BadRequest, "this path does not answer to that method; /v1/registry/openapi.json says to which"))
}
