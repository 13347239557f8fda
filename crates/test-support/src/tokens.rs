//! Tokens that no issuer would sign.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use extensions_identity::Claims;

/// `claims` under a header that names `alg`, with `signature` as it is.
///
/// # Panics
/// Never: claims are texts and numbers.
#[must_use]
pub fn unsigned(alg: &str, kid: &str, claims: &Claims, signature: &[u8]) -> String {
    let header = serde_json::json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string();
    let claims = serde_json::to_string(claims).unwrap();
    [header.as_bytes(), claims.as_bytes(), signature].map(|part| BASE64.encode(part)).join(".")
}
