//! An issuer's public keys, from a JWKS document.
//!
//! Refuses secrets: a document with private or symmetric keys is an operator's
//! mistake and is not used at all.

use std::{collections::BTreeMap, fmt};

use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::{Algorithm, jwk::Jwk};

/// Far above what issuers publish while they rotate.
const KEYS_MAX: usize = 64;
/// The same in bytes: with certificates beside each key.
pub(crate) const JWKS_BYTES_MAX: usize = 256 * 1024;

/// Keys by `kid`.
pub(crate) struct KeySet(BTreeMap<String, Key>);

/// One public key with the one algorithm that it is for.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
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

    pub(crate) fn len(&self) -> usize {
        self.0.len()
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
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, algorithm).unwrap_or(false)
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn parse(keys: &str) -> Result<KeySet, String> {
        KeySet::parse(&format!(r#"{{"keys":[{keys}]}}"#), Algorithm::ALL)
    }

    /// A point of the curve.
    const P256: (&str, &str) = ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");

    fn ec(x: &str, y: &str) -> String {
        format!(r#"{{"kty":"EC","crv":"P-256","kid":"p","x":"{x}","y":"{y}"}}"#)
    }

    fn rsa(modulus: &[u8], e: &str) -> String {
        let n = BASE64_URL_SAFE_NO_PAD.encode(modulus);
        format!(r#"{{"kty":"RSA","kid":"r","n":"{n}","e":"{e}"}}"#)
    }

    fn okp(kid: &str, more: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{X}"{more}}}"#)
    }

    #[test]
    fn usable_keys_are_found_among_others() {
        let others = r#"{"kty":"RSA","kid":"r","alg":"RS512","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-384","kid":"p","x":"AA","y":"AA"}"#;
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
            (ec("AA", "AA"), "no valid point"),
            (ec(X, X), "no valid point"),
            (ec(P256.0, P256.1).replace("P-256\"", "P-256\",\"d\":\"AA\""), "private"),
            (rsa(&[0xff; 128], "AQAB"), "1024 bits"),
            (rsa(&[0xff; 255], "AQAB"), "2040 bits"),
            (rsa(&[0xff; 1025], "AQAB"), "8200 bits"),
            (rsa(&[0xff; 256], "AQ"), "exponent"),
            (rsa(&[0xff; 256], "BA"), "exponent"),
            (rsa(&[0xff; 256], "AQAAAAAB"), "exponent"),
            (rsa(&[0xff; 256], ""), "exponent"),
            (r#"{"kty":"RSA","kid":"r","e":"AQAB"}"#.to_owned(), "`n`"),
            (r#"{"kty":"RSA","kid":"r","n":"====","e":"AQAB"}"#.to_owned(), "`n`"),
        ] {
            let error = parse(&keys).unwrap_err();
            assert!(error.contains(reason), "{error} for {keys}");
        }
        assert!(KeySet::parse("[]", Algorithm::ALL).is_err());
        assert!(KeySet::parse(&" ".repeat(JWKS_BYTES_MAX + 1), Algorithm::ALL).is_err());
    }

    #[test]
    fn each_key_has_the_one_algorithm_of_its_type() {
        let mut modulus = [0xff; 257];
        modulus[0] = 0;
        let all = [okp("a", ""), ec(P256.0, P256.1), rsa(&modulus, "AQAB")].join(",");
        let set = parse(&all).unwrap();
        let of = |kid| set.get(kid).map(|key| key.algorithm);
        assert_eq!((of("a"), of("p"), of("r")), (Some(Algorithm::EdDsa), Some(Algorithm::Es256), Some(Algorithm::Rs256)));
        // `alg` may only confirm it, and a key for other operations signs nothing.
        for (key, other) in
            [(ec(P256.0, P256.1), "RS256"), (rsa(&modulus, "AQAB"), "ES256"), (rsa(&modulus, "AQAB"), "PS256"), (rsa(&modulus, "AQAB"), "HS256")]
        {
            assert!(parse(&key.replacen('{', &format!(r#"{{"alg":"{other}","#), 1)).is_err(), "{other}");
        }
        assert!(parse(&ec(P256.0, P256.1).replacen('{', r#"{"key_ops":["verify"],"#, 1)).is_ok());
        assert!(parse(&ec(P256.0, P256.1).replacen('{', r#"{"key_ops":["deriveKey"],"#, 1)).is_err());
        assert!(KeySet::parse(&format!(r#"{{"keys":[{all}]}}"#), &[Algorithm::Rs256]).unwrap().get("p").is_none());
    }

    #[test]
    fn a_key_outside_the_allow_list_is_not_used() {
        assert!(KeySet::parse(&format!(r#"{{"keys":[{}]}}"#, okp("a", "")), &[]).is_err());
    }
}
