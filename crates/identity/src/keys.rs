//! An issuer's public keys, from a JWKS document.
//!
//! Refuses secrets: a document with private or symmetric keys is an operator's
//! mistake and is not used at all.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, de::IgnoredAny};

use crate::Algorithm;

/// Far above what issuers publish while they rotate.
const KEYS_MAX: usize = 64;
const JWKS_BYTES_MAX: usize = 256 * 1024;
const ED25519_PUBLIC_BYTES: usize = 32;

/// Keys by `kid`.
pub(crate) struct KeySet(BTreeMap<String, Key>);

/// One public key with the one algorithm that it is for.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    decoding: DecodingKey,
}

impl KeySet {
    /// Reads the usable keys of `jwks`: signing keys of an allowed algorithm.
    /// The error says what is wrong with the document.
    pub(crate) fn parse(jwks: &str, allowed: &[Algorithm]) -> Result<Self, String> {
        if jwks.len() > JWKS_BYTES_MAX {
            return Err(format!("larger than {JWKS_BYTES_MAX} bytes"));
        }
        let document: Document = serde_json::from_str(jwks).map_err(|error| format!("not a JWKS document: {error}"))?;
        if document.keys.len() > KEYS_MAX {
            return Err(format!("more than {KEYS_MAX} keys"));
        }
        let mut keys = BTreeMap::new();
        for jwk in document.keys {
            let Some((kid, key)) = jwk.usable(allowed)? else { continue };
            if keys.insert(kid.clone(), key).is_some() {
                return Err(format!("two keys with kid `{kid}`"));
            }
        }
        if keys.is_empty() {
            return Err("no signing key of an allowed algorithm".to_owned());
        }
        Ok(Self(keys))
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&Key> {
        self.0.get(kid)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Key {
    /// Whether `signature` (base64url) is this key's over `message`.
    pub(crate) fn signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = match self.algorithm {
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, algorithm).unwrap_or(false)
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

/// The members that matter; others are for other readers.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Jwk {
    fn usable(self, allowed: &[Algorithm]) -> Result<Option<(String, Key)>, String> {
        if self.d.is_some() || self.k.is_some() {
            return Err("holds a private or symmetric key; publish public keys only and replace that one".to_owned());
        }
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let Some(algorithm) = self.algorithm().filter(|algorithm| signs && allowed.contains(algorithm)) else {
            return Ok(None);
        };
        let kid = self.kid.filter(|kid| !kid.is_empty() && kid.len() <= 256).ok_or("a key without kid; give it one of 1 to 256 bytes")?;
        let decoding = self.x.as_deref().and_then(ed25519).ok_or_else(|| format!("key `{kid}` has no valid `x` for Ed25519"))?;
        Ok(Some((kid, Key { algorithm, decoding })))
    }

    /// The one algorithm for a key of this type; `alg` may only confirm it.
    fn algorithm(&self) -> Option<Algorithm> {
        let of_type = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return None,
        };
        let confirmed = self.alg.as_deref().is_none_or(|alg| alg == of_type.as_str());
        confirmed.then_some(of_type)
    }
}

fn ed25519(x: &str) -> Option<DecodingKey> {
    let public = BASE64_URL_SAFE_NO_PAD.decode(x).ok()?;
    (public.len() == ED25519_PUBLIC_BYTES).then(|| DecodingKey::from_ed_der(&public))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn parse(keys: &str) -> Result<KeySet, String> {
        KeySet::parse(&format!(r#"{{"keys":[{keys}]}}"#), Algorithm::ALL)
    }

    fn okp(kid: &str, more: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{X}"{more}}}"#)
    }

    #[test]
    fn usable_keys_are_found_among_others() {
        let others = r#"{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","kid":"p","x":"AA","y":"AA"}"#;
        let set = parse(&[others, &okp("a", ""), &okp("b", r#","use":"sig","alg":"EdDSA""#), &okp("c", r#","use":"enc""#)].join(",")).unwrap();
        assert!(set.get("a").is_some() && set.get("b").is_some());
        assert!(set.get("r").is_none() && set.get("p").is_none() && set.get("c").is_none());
    }

    #[test]
    fn bad_documents_are_refused() {
        for (keys, reason) in [
            (String::new(), "no signing key"),
            (okp("a", r#","alg":"HS256""#), "no signing key"),
            (okp("a", r#","d":"AA""#), "private"),
            (format!(r#"{},{{"kty":"oct","kid":"h","k":"AA"}}"#, okp("a", "")), "symmetric"),
            (format!("{},{}", okp("a", ""), okp("a", "")), "two keys"),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#), "without kid"),
            (r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AA"}"#.to_owned(), "no valid `x`"),
            (vec![okp("a", ""); 65].join(","), "more than 64"),
        ] {
            let error = parse(&keys).unwrap_err();
            assert!(error.contains(reason), "{error} for {keys}");
        }
        assert!(KeySet::parse("[]", Algorithm::ALL).is_err());
        assert!(KeySet::parse(&" ".repeat(JWKS_BYTES_MAX + 1), Algorithm::ALL).is_err());
    }

    #[test]
    fn a_key_outside_the_allow_list_is_not_used() {
        assert!(KeySet::parse(&format!(r#"{{"keys":[{}]}}"#, okp("a", "")), &[]).is_err());
    }
}
