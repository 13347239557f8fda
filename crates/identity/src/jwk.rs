//! One key of a JWKS document, and whether tokens may be verified with it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, de::IgnoredAny};

use crate::{Algorithm, keys::Key};

const KID_BYTES_MAX: usize = 256;
const ED25519_PUBLIC_BYTES: usize = 32;
const P256_COORDINATE_BYTES: usize = 32;
/// Shorter ones are within reach of a patient attacker; longer ones cost a host
/// more for each token than they protect.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Nearly all keys have 65537; each bit more makes verifying slower.
const RSA_EXPONENT_BYTES_MAX: usize = 4;

/// The members that matter; others are for other readers.
#[derive(Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Jwk {
    /// The key and its `kid`; none where it is for something else. The error
    /// says what is wrong with it.
    pub(crate) fn usable(self, allowed: &[Algorithm]) -> Result<Option<(String, Key)>, String> {
        if self.d.is_some() || self.k.is_some() {
            return Err("holds a private or symmetric key; publish public keys only and replace that one".to_owned());
        }
        let Some(algorithm) = self.algorithm().filter(|algorithm| self.verifies() && allowed.contains(algorithm)) else {
            return Ok(None);
        };
        let kid = self.kid.as_deref().filter(|kid| !kid.is_empty() && kid.len() <= KID_BYTES_MAX);
        let kid = kid.ok_or_else(|| format!("a key without kid; give it one of 1 to {KID_BYTES_MAX} bytes"))?.to_owned();
        let decoding = match algorithm {
            Algorithm::EdDsa => self.ed25519(),
            Algorithm::Es256 => self.p256(),
            Algorithm::Rs256 => self.rsa(),
        };
        let decoding = decoding.map_err(|problem| format!("key `{kid}` {problem}"))?;
        Ok(Some((kid, Key { algorithm, decoding })))
    }

    fn verifies(&self) -> bool {
        let purpose = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let operations = self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        purpose && operations
    }

    /// The one algorithm for a key of this type; `alg` may only confirm it.
    fn algorithm(&self) -> Option<Algorithm> {
        let of_type = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("RSA", _) => Algorithm::Rs256,
            _ => return None,
        };
        let confirmed = self.alg.as_deref().is_none_or(|alg| alg == of_type.as_str());
        confirmed.then_some(of_type)
    }

    fn ed25519(&self) -> Result<DecodingKey, String> {
        let public = decoded(self.x.as_deref()).filter(|public| public.len() == ED25519_PUBLIC_BYTES);
        Ok(DecodingKey::from_ed_der(&public.ok_or("has no valid `x` for Ed25519")?))
    }

    /// A point that is not on the curve would refuse every token, much later.
    fn p256(&self) -> Result<DecodingKey, String> {
        let coordinate = |text| decoded(text).filter(|bytes| bytes.len() == P256_COORDINATE_BYTES);
        let (x, y) = coordinate(self.x.as_deref()).zip(coordinate(self.y.as_deref())).ok_or("has no valid point (`x`, `y`) on P-256")?;
        let point = [&[0x04][..], &x, &y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| "has no valid point (`x`, `y`) on P-256")?;
        Ok(DecodingKey::from_ec_der(&point))
    }

    fn rsa(&self) -> Result<DecodingKey, String> {
        let modulus = positive(self.n.as_deref()).ok_or("has no valid modulus `n`")?;
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(format!("is an RSA key of {bits} bits; use {} to {}", RSA_BITS.start(), RSA_BITS.end()));
        }
        let exponent = positive(self.e.as_deref()).filter(|exponent| {
            let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
            odd && exponent.len() <= RSA_EXPONENT_BYTES_MAX && exponent != &[1]
        });
        let exponent = exponent.ok_or("has no usable exponent `e`; use 65537 (AQAB)")?;
        Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
    }
}

fn decoded(text: Option<&str>) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text?).ok()
}

/// A number's bytes, the greatest first, without zeros before them.
fn positive(text: Option<&str>) -> Option<Vec<u8>> {
    let bytes = decoded(text)?;
    let from = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[from..].to_vec())
}
