//! A refusal as a gRPC status with its detail, in a response without a message.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use extensions_proto::{refusal_details, v1::ErrorDetail};
use http::{HeaderName, HeaderValue, Response};

use super::metadata;
use crate::{
    body::{FrontBody, GRPC_STATUS},
    refused::Refused,
};

const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// "Trailers-only": one HEADERS frame that ends the stream.
pub(crate) fn refuse(refused: &Refused) -> Response<FrontBody> {
    let refusal = &refused.refusal;
    let correlation = refusal.correlation.as_ref().map_or("", |label| label.as_str());
    let detail = ErrorDetail {
        error_code: refusal.code.as_str().to_owned(),
        retry_after_ms: refused.retry_after_ms(),
        correlation_id: correlation.to_owned(),
    };
    let details = STANDARD_NO_PAD.encode(refusal_details(refused.grpc, &refusal.message, &detail));
    let correlation = (!correlation.is_empty()).then(|| HeaderValue::from_str(correlation).ok()).flatten();
    let mut response = metadata::answer(FrontBody::empty(), correlation);
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, HeaderValue::from(refused.grpc));
    insert(headers, GRPC_MESSAGE, percent_encoded(&refusal.message));
    insert(headers, GRPC_DETAILS, details);
    response
}

/// Both texts are visible ASCII by their encoding.
fn insert(headers: &mut http::HeaderMap, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
        headers.insert(name, value);
    }
}

/// gRPC's own rule: space to `~` as they are, except `%`.
fn percent_encoded(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use extensions_admission::Refusal;
    use extensions_proto::detail_of;
    use extensions_types::{CallLabel, ErrorCode};
    use http_body::Body as _;

    use super::*;

    #[test]
    fn messages_are_encoded_as_grpc_says() {
        assert_eq!(percent_encoded("a b~"), "a b~");
        assert_eq!(percent_encoded("100 %\nü"), "100 %25%0A%C3%BC");
    }

    #[test]
    fn a_refusal_ends_the_stream_with_its_head() {
        let correlation = Some(CallLabel::parse("c-1").unwrap());
        let refusal = Refusal { code: ErrorCode::Overloaded, message: "völl".into(), retry_after: Some(Duration::from_millis(25)), correlation };
        let response = refuse(&refusal.into());
        assert!(response.body().is_end_stream());
        let headers = response.headers();
        assert_eq!(headers["grpc-status"], "14");
        assert_eq!(headers["grpc-message"], "v%C3%B6ll");
        assert_eq!(headers["x-ameide-correlation-id"], "c-1");
        let details = STANDARD_NO_PAD.decode(&headers["grpc-status-details-bin"]).unwrap();
        let detail = detail_of(&details).unwrap();
        assert_eq!((detail.error_code.as_str(), detail.retry_after_ms, detail.correlation_id.as_str()), ("OVERLOADED", 25, "c-1"));
    }
}
