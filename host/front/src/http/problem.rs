//! A refusal or an extension's failure as a problem document (RFC 9457).

use extensions_types::{CallLabel, ErrorCode, Problem};
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::answers::text;
use crate::{body::FrontBody, grpc, refused::Refused};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(Problem::MEDIA_TYPE);
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"extensions\"");

/// The platform's refusal.
pub(crate) fn refuse(refused: &Refused) -> Response<FrontBody> {
    let refusal = &refused.refusal;
    let retry_after_ms = refused.retry_after_ms();
    let mut response = document(refused.http, refusal.code, &refusal.message, refusal.correlation.as_ref(), retry_after_ms);
    let headers = response.headers_mut();
    if retry_after_ms > 0 {
        // Whole seconds only: rounded up, so that nobody comes too early.
        headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000)));
    }
    if refusal.code == ErrorCode::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Some(allow) = refused.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

/// A document with its correlation header.
pub(super) fn document(status: u16, code: ErrorCode, detail: &str, correlation: Option<&CallLabel>, retry_after_ms: u32) -> Response<FrontBody> {
    let problem = Problem::new(status, code, detail, correlation, retry_after_ms);
    // Strings and numbers always serialise.
    let json = serde_json::to_vec(&problem).unwrap_or_default();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = text(status, PROBLEM_JSON, json);
    if let Some(value) = correlation.and_then(|label| HeaderValue::from_str(label.as_str()).ok()) {
        response.headers_mut().insert(grpc::CORRELATION_ID, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use extensions_admission::Refusal;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(response: Response<FrontBody>) -> serde_json::Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_says_all_it_knows() {
        let correlation = Some(CallLabel::parse("c-1").unwrap());
        let refusal = Refusal {
            code: ErrorCode::QuotaExceeded,
            message: "the tenant's rate".into(),
            retry_after: Some(Duration::from_millis(1_500)),
            correlation,
        };
        let response = refuse(&refusal.into());
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["x-ameide-correlation-id"], "c-1");
        let expected = serde_json::json!({
            "type": "urn:ameide:extensions:error:QUOTA_EXCEEDED",
            "title": ErrorCode::QuotaExceeded.meaning(),
            "status": 429,
            "detail": "the tenant's rate",
            "error_code": "QUOTA_EXCEEDED",
            "correlation_id": "c-1",
            "retry_after_ms": 1500,
        });
        assert_eq!(read(response).await, expected);
    }

    #[tokio::test]
    async fn a_missing_token_is_challenged_and_a_wrong_method_told() {
        let response = refuse(&Refused::new(ErrorCode::Unauthenticated, "x"));
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"extensions\"");
        let document = read(response).await;
        assert!(document.get("retry_after_ms").is_none() && document.get("correlation_id").is_none());
        let response = refuse(&Refused::method_not_allowed("GET"));
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &HeaderValue::from_static("GET")));
    }
}
