//! Refusals as statuses, each with its one detail.

use axum::response::Response;
use extensions_proto::{refusal_details, v1::ErrorDetail};
use extensions_types::{ErrorCode, GrpcStatus, Refusal};
use http::HeaderMap;
use tonic::{Code, Status};

const DETAILS: &str = "grpc-status-details-bin";

/// A refusal as tonic sends it.
pub(crate) fn status(refusal: &Refusal) -> Status {
    let code = match refusal.code.grpc() {
        // An outcome is no refusal; OK here would promise a message that never comes.
        GrpcStatus::Ok => Code::Unknown,
        status => Code::from_i32(status as i32),
    };
    status_as(code, refusal)
}

/// The same under a status of the transport's own.
fn status_as(code: Code, refusal: &Refusal) -> Status {
    let detail = ErrorDetail {
        error_code: refusal.code.as_str().to_owned(),
        retry_after_ms: refusal.retry_after_ms(),
        correlation_id: refusal.correlation.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    Status::with_details(code, refusal.message.clone(), refusal_details(code as i32, &refusal.message, &detail))
}

/// A refusal as a whole response.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    status(refusal).into_http()
}

/// A response of a status that tonic made itself, with the detail that it lacks.
pub(crate) fn refuse_as(code: Code, refusal: &Refusal) -> Response {
    status_as(code, refusal).into_http()
}

/// The refusal that stands for a status that tonic made itself, without a
/// detail; and the code that it has: UNIMPLEMENTED is in no table of ours.
pub(crate) fn nameless(response: &Response) -> Option<(Code, Refusal)> {
    let headers: &HeaderMap = response.headers();
    if headers.contains_key(DETAILS) {
        return None;
    }
    let own = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok)?;
    let refusal = named(&own);
    let code = if own.code() == Code::Unimplemented { own.code() } else { status(&refusal).code() };
    Some((code, refusal))
}

/// Our code for one of tonic's.
pub(super) fn named(own: &Status) -> Refusal {
    let code = match own.code() {
        Code::OutOfRange | Code::ResourceExhausted => ErrorCode::InputTooLarge,
        Code::Unimplemented | Code::InvalidArgument => ErrorCode::BadRequest,
        Code::Cancelled | Code::DeadlineExceeded => ErrorCode::Deadline,
        // What a message's bytes do to the decoder is their sender's doing.
        Code::Internal if own.message().contains("decod") => ErrorCode::BadRequest,
        _ => ErrorCode::Internal,
    };
    Refusal::new(code, own.message())
}
