//! Views as JSON, refusals as problem documents (RFC 9457).

use axum::{body::Body, response::Response};
use extensions_types::{CallLabel, ErrorCode, Problem, Refusal};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::gate::CORRELATION_ID;

const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"extensions\"");

/// A view, or why there is none.
pub(super) fn answer(result: Result<impl Serialize, Refusal>) -> Response {
    match result {
        Ok(view) => json(StatusCode::OK, "application/json", &view),
        Err(refusal) => refuse(&refusal),
    }
}

/// The platform's refusal.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    refuse_as(refusal.code.http(), refusal)
}

/// The same under a status of HTTP's own: an unknown path, a wrong method.
pub(super) fn refuse_as(status: u16, refusal: &Refusal) -> Response {
    let problem = problem(status, refusal);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, Problem::MEDIA_TYPE, &problem);
    let headers = response.headers_mut();
    if problem.retry_after_ms > 0 {
        // Whole seconds only: rounded up, so that nobody comes too early.
        headers.insert(RETRY_AFTER, HeaderValue::from(problem.retry_after_ms.div_ceil(1_000)));
    }
    if refusal.code == ErrorCode::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Some(value) = refusal.correlation.as_ref().and_then(|label| HeaderValue::from_str(CallLabel::as_str(label)).ok()) {
        headers.insert(CORRELATION_ID, value);
    }
    response
}

/// The document of a refusal.
pub(super) fn problem(status: u16, refusal: &Refusal) -> Problem<'_> {
    Problem::new(status, refusal.code, &refusal.message, refusal.correlation.as_ref(), refusal.retry_after_ms())
}

fn json(status: StatusCode, content: &'static str, value: &impl Serialize) -> Response {
    // Views are texts and numbers, which are always JSON.
    let mut response = text(content, serde_json::to_vec(value).unwrap_or_default());
    *response.status_mut() = status;
    response
}

/// A whole text. Nothing of this API may be stored by a cache: answers depend on the token.
pub(super) fn text(content: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
