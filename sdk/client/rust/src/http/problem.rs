//! From a problem document (RFC 9457) to the error of a call.

use std::time::Duration;

use extensions_types::ErrorCode;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::{
    InvokeError, Outcome, Refused, Stats,
    headers::{CORRELATION_ID, SERVED_VERSION, STATS, text},
};

/// The members that a call's error is made of.
#[derive(Deserialize)]
struct Problem {
    error_code: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    correlation_id: Option<String>,
    retry_after_ms: Option<u64>,
}

/// The error that `body` describes; the status alone is trusted where it is
/// no document of ours.
pub(super) fn failed(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> InvokeError {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else { return foreign(status) };
    let code = match InvokeError::code_of(&problem.error_code) {
        Ok(code) => code,
        Err(odd) => return odd,
    };
    let message = if problem.detail.is_empty() { problem.title } else { problem.detail };
    let correlation = problem.correlation_id.filter(|id| !id.is_empty()).or_else(|| text(headers, &CORRELATION_ID));
    if code.is_outcome() {
        let served_version = text(headers, &SERVED_VERSION).and_then(|text| text.parse().ok());
        let stats = text(headers, &STATS).map(|text| Stats::of_header(&text));
        return InvokeError::Outcome(Box::new(Outcome { code, message, served_version, stats, correlation }));
    }
    let retry_after = problem.retry_after_ms.filter(|&ms| ms > 0).map(Duration::from_millis);
    InvokeError::Refused(Box::new(Refused { code, message, retry_after, correlation }))
}

/// Something between us and the host answered.
fn foreign(status: StatusCode) -> InvokeError {
    let message = format!("HTTP status {status} without a problem document");
    match status {
        StatusCode::UNAUTHORIZED => InvokeError::refused(ErrorCode::Unauthenticated, message),
        StatusCode::FORBIDDEN => InvokeError::refused(ErrorCode::PermissionDenied, message),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            InvokeError::Unreachable { sent: true, source: message.into() }
        }
        _ => InvokeError::protocol(format!("{message}; is an extensions runtime listening there?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> InvokeError {
        let headers = HeaderMap::from_iter([(SERVED_VERSION, "4".parse().unwrap()), (CORRELATION_ID, "c-9".parse().unwrap())]);
        failed(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn outcomes_and_refusals_are_told_apart_by_their_code() {
        let InvokeError::Outcome(outcome) = of(422, r#"{"error_code":"REJECTED","detail":"too high"}"#) else { panic!("no outcome") };
        assert_eq!((outcome.code, outcome.message.as_str()), (ErrorCode::Rejected, "too high"));
        assert_eq!((outcome.served_version.map(|version| version.get()), outcome.correlation.as_deref()), (Some(4), Some("c-9")));
        let body = r#"{"type":"about:blank","title":"Overloaded","status":503,"error_code":"OVERLOADED","correlation_id":"c-1","retry_after_ms":20}"#;
        let InvokeError::Refused(refused) = of(503, body) else { panic!("not refused") };
        assert_eq!((refused.code, refused.message.as_str()), (ErrorCode::Overloaded, "Overloaded"));
        assert_eq!((refused.retry_after, refused.correlation.as_deref()), (Some(Duration::from_millis(20)), Some("c-1")));
    }

    #[test]
    fn foreign_answers_are_named_as_such() {
        assert_eq!(of(401, "<html>").code(), Some(ErrorCode::Unauthenticated));
        assert_eq!(of(403, "{}").code(), Some(ErrorCode::PermissionDenied));
        assert!(matches!(of(502, "bad gateway"), InvokeError::Unreachable { sent: true, .. }));
        assert!(matches!(of(404, "not here"), InvokeError::Protocol { .. }));
        assert!(matches!(of(500, r#"{"error_code":"NEWER"}"#), InvokeError::Protocol { .. }));
    }
}
