//! Bodies, queries and headers of requests, read within bounds.

use axum::{body::Body, extract::Query};
use extensions_proto::v1;
use extensions_types::{ErrorCode, Refusal};
use http::{HeaderMap, HeaderName, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::bodies::{Common, Reason};
use crate::call::bad;

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A body: the largest holds a manifest of 64 KiB as a JSON string.
const BODY_BYTES_MAX: usize = 256 << 10;

/// A body of JSON; an empty one is `{}`.
pub(super) async fn body<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    let content = headers.get(CONTENT_TYPE).map(|content| content.as_bytes());
    if content.is_some_and(|content| !content.starts_with(b"application/json")) {
        return Err(bad("content-type", &"send application/json"));
    }
    let bytes = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return Refusal::new(ErrorCode::InputTooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes"));
        }
        bad("body", &"it broke off")
    })?;
    let bytes = bytes.to_bytes();
    serde_json::from_slice(if bytes.is_empty() { b"{}" } else { &bytes }).map_err(|error| bad("body", &error))
}

/// The query as a struct that knows every key.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    Query::try_from_uri(uri).map(|Query(query)| query).map_err(|rejected| bad("query", &rejected.body_text()))
}

/// The head of a change.
pub(super) fn command(headers: &HeaderMap, tenant_id: String, extension_id: &str, reason: Reason) -> Result<v1::Command, Refusal> {
    Ok(v1::Command {
        idempotency_key: idempotency_key(headers)?,
        expected_seq: reason.expected_seq,
        why: reason.why,
        tenant_id,
        extension_id: extension_id.to_owned(),
    })
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<String, Refusal> {
    let missing = || bad("idempotency-key", &"send exactly one header of that name, 1 to 128 visible ASCII bytes, new for each change");
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().map(str::to_owned).map_err(|_| missing()),
        _ => Err(missing()),
    }
}

/// The tenant that a query names.
pub(super) fn tenant(uri: &Uri) -> Result<String, Refusal> {
    query::<Common>(uri).map(|common| common.tenant_id)
}

/// A version in a path.
pub(super) fn version(text: &str) -> Result<u64, Refusal> {
    text.parse::<extensions_types::Version>().map(extensions_types::Version::get).map_err(|error| bad("version", &error))
}
