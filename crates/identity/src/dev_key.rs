//! The signing key of a platform on a developer's machine.
//!
//! For `ext dev`, tests and benches. Production tokens come from an issuer
//! whose private keys never meet this code.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use crate::Claims;

/// An Ed25519 key pair that signs tokens.
pub struct DevKey {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
    kid: String,
}

/// Why a key cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRejected {
    /// The system's randomness or the cryptography failed.
    #[error("cannot generate an Ed25519 key: the system's cryptography failed")]
    Generate,
    /// Not what [`DevKey::to_pkcs8`] gives.
    #[error("not an Ed25519 key in PKCS#8 form; delete the file, and a new key is made at the next start")]
    Parse,
}

impl DevKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyRejected> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyRejected::Generate)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// The key that [`to_pkcs8`](Self::to_pkcs8) gave.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyRejected> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyRejected::Parse)?;
        let kid = thumbprint(&public(&pair));
        Ok(Self { pair, pkcs8: pkcs8.to_vec(), kid })
    }

    /// The private key, to be kept in a file that only its owner reads.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The key's id: its RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A token that says `claims`.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.kid, "typ": "JWT" }).to_string();
        let claims = serde_json::to_string(claims).expect("claims are texts and numbers");
        self.sign_text(&header, &claims)
    }

    /// The public key as a JWKS document.
    #[must_use]
    pub fn jwks(&self) -> String {
        let key = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": self.kid, "x": public(&self.pair),
        });
        json!({ "keys": [key] }).to_string()
    }

    /// Signs any header and claims, also such as no issuer would.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let mut token = BASE64_URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        token
    }

    #[cfg(test)]
    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for DevKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn public(pair: &Ed25519KeyPair) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())
}

/// RFC 7638: SHA-256 of the required members in lexical order.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file() {
        let key = DevKey::generate().unwrap();
        let again = DevKey::from_pkcs8(key.to_pkcs8()).unwrap();
        assert_eq!((key.kid(), key.jwks()), (again.kid(), again.jwks()));
        assert_eq!(DevKey::from_pkcs8(b"no key").unwrap_err(), KeyRejected::Parse);
    }

    /// The example of RFC 8037, appendix A.3.
    #[test]
    fn the_kid_is_the_thumbprint_of_the_standard() {
        assert_eq!(thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn its_debug_text_holds_no_secret() {
        let key = DevKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("DevKey {{ kid: {:?}, .. }}", key.kid()));
    }
}
