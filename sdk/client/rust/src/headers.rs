//! The headers that both transports or the HTTP API know.

use extensions_types::ErrorCode;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::InvokeError;

pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ameide-correlation-id");
pub(crate) const SERVED_VERSION: HeaderName = HeaderName::from_static("x-ameide-served-version");
pub(crate) const FALLBACK: HeaderName = HeaderName::from_static("x-ameide-fallback");
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("x-ameide-session-id");
pub(crate) const TENANT_ID: HeaderName = HeaderName::from_static("x-ameide-tenant-id");
pub(crate) const ORG_ID: HeaderName = HeaderName::from_static("x-ameide-org-id");
pub(crate) const USER_ID: HeaderName = HeaderName::from_static("x-ameide-user-id");
pub(crate) const STATS: HeaderName = HeaderName::from_static("x-ameide-stats");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The text of a header of an answer; none where it is absent or empty.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The value of a header of a request. What no header can carry, no field of
/// the platform may hold either, so it is refused before anything is sent.
pub(crate) fn value(name: &HeaderName, text: &str) -> Result<HeaderValue, InvokeError> {
    HeaderValue::from_str(text).map_err(|_| InvokeError::refused(ErrorCode::BadRequest, format!("{name}: holds characters that no header can carry")))
}

pub(crate) fn traceparent(text: &str) -> Result<HeaderValue, InvokeError> {
    value(&TRACEPARENT, text)
}
