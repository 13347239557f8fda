//! What the head of a gRPC call must say.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, Version,
    header::{CONTENT_TYPE, TE},
    request::Parts,
};

use crate::{body::FrontBody, refused::Refused};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ameide-correlation-id");
pub(crate) const GRPC_CONTENT: HeaderValue = HeaderValue::from_static("application/grpc");

/// Whether the caller speaks gRPC: it then gets its answer as a gRPC status.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(content) = headers.get(CONTENT_TYPE) else { return false };
    match content.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => rest.is_empty() || rest == b"+proto" || rest[0] == b';',
        None => false,
    }
}

/// Refuses what this host cannot decode before its body is read.
pub(crate) fn check(head: &Parts) -> Result<(), Refused> {
    if head.version != Version::HTTP_2 {
        return Err(Refused::not_grpc());
    }
    if head.headers.get(TE).is_some_and(|te| te != "trailers") {
        return Err(Refused::bad_request("te must be `trailers`: a gRPC status travels in them"));
    }
    match head.headers.get(GRPC_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Refused::unimplemented("compressed messages are not accepted; send grpc-encoding: identity")),
        _ => Ok(()),
    }
}

/// A head with the body of one message; `headers` come on top.
pub(crate) fn answer(body: FrontBody, correlation: Option<HeaderValue>) -> Response<FrontBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC_CONTENT);
    if let Some(mut correlation) = correlation {
        // It will not come again: HPACK's tables, ours and the caller's, are not made to hold it.
        correlation.set_sensitive(true);
        headers.insert(CORRELATION_ID, correlation);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let says = |text: &str| is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]));
        for text in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(says(text), "{text}");
        }
        for text in ["application/grpc-web", "application/grpc+json", "application/json", "application/grpcx", ""] {
            assert!(!says(text), "{text}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
