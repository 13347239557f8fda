//! The plain answers: a text with its content type.

use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::body::FrontBody;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A whole text. Nothing of this API may be stored by a cache: answers depend on the token.
pub(crate) fn text(status: StatusCode, content: HeaderValue, text: impl Into<bytes::Bytes>) -> Response<FrontBody> {
    let mut response = Response::new(FrontBody::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
