//! Keys of every algorithm, which sign whatever a test wants.

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{Algorithm, DevKey};

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of an issuer.
pub(super) enum Signer {
    Ed(DevKey),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::Ed(DevKey::generate().unwrap()),
            Algorithm::Es256 => Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            Algorithm::Rs256 => Self::rsa(KeySize::Rsa2048),
        }
    }

    pub(super) fn rsa(size: KeySize) -> Self {
        Self::Rsa(RsaKeyPair::generate(size).unwrap())
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed(_) => Algorithm::EdDsa,
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// The same for all keys of an algorithm.
    pub(super) const fn kid(&self) -> &'static str {
        match self {
            Self::Ed(_) => "ed",
            Self::P256(_) => "p256",
            Self::Rsa(_) => "rsa",
        }
    }

    pub(super) fn jwk(&self) -> Value {
        match self {
            Self::Ed(key) => {
                let document: Value = serde_json::from_str(&key.jwks()).unwrap();
                let mut jwk = document["keys"][0].clone();
                jwk["kid"] = json!(self.kid());
                jwk
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid(), "x": b64(&point[1..33]), "y": b64(&point[33..])})
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA", "kid": self.kid(), "use": "sig",
                    "n": b64(n.big_endian_without_leading_zero()), "e": b64(e.big_endian_without_leading_zero()),
                })
            }
        }
    }

    /// What an attacker could take for an HMAC secret.
    pub(super) fn public_texts(&self) -> Vec<Vec<u8>> {
        let jwk = self.jwk();
        let mut texts = vec![jwk.to_string().into_bytes(), json!({"keys": [jwk]}).to_string().into_bytes()];
        for member in ["x", "n"] {
            if let Some(text) = jwk[member].as_str() {
                texts.push(text.as_bytes().to_vec());
                texts.push(BASE64_URL_SAFE_NO_PAD.decode(text).unwrap());
            }
        }
        let der: Option<Vec<u8>> = match self {
            Self::Ed(_) => None,
            Self::P256(pair) => Some(pair.public_key().as_der().unwrap().as_ref().to_vec()),
            Self::Rsa(pair) => Some(pair.public_key().as_der().unwrap().as_ref().to_vec()),
        };
        if let Some(der) = der {
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64::prelude::BASE64_STANDARD.encode(&der));
            texts.push(pem.into_bytes());
            texts.push(der);
        }
        texts
    }

    pub(super) fn signature(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed(key) => key.signature(message),
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => rsa_signature(pair, &RSA_PKCS1_SHA256, message),
        }
    }

    /// RSA alone: by another padding, which another algorithm names.
    pub(super) fn pss_signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(pair) => Some(rsa_signature(pair, &RSA_PSS_SHA256, message)),
            Self::Ed(_) | Self::P256(_) => None,
        }
    }

    /// Signs any header and claims.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(claims));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", b64(signature))
    }

    /// As its issuer would.
    pub(super) fn token(&self, claims: &str) -> String {
        self.sign(&json!({"alg": self.algorithm().as_str(), "kid": self.kid(), "typ": "JWT"}).to_string(), claims)
    }
}

fn rsa_signature(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}
