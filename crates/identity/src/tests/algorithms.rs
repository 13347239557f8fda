//! Every algorithm: what its keys sign counts, and nothing that only looks like it.

use aws_lc_rs::{hmac, rsa::KeySize};
use serde_json::{Value, json};

use super::{
    signers::{Signer, b64},
    *,
};
use crate::{Algorithm, VerifyError as E};

/// One issuer with a key of each algorithm.
struct Keyring {
    signers: Vec<Signer>,
    verifier: Verifier,
}

impl Keyring {
    fn new() -> Self {
        Self::of(Algorithm::ALL.iter().copied().map(Signer::new).collect(), Algorithm::ALL)
    }

    fn of(signers: Vec<Signer>, allowed: &[Algorithm]) -> Self {
        let jwks = json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()}).to_string();
        let issuer =
            IssuerSettings { algorithms: allowed.to_vec(), tenants: only(&["acme"]), development: false, ..IssuerSettings::development(PLAIN, jwks) };
        let verifier = Verifier::new(IdentitySettings::new(vec![issuer])).unwrap();
        Self { signers, verifier }
    }

    fn verdict(&self, token: &str) -> Result<(), E> {
        self.verifier.verify(token, now()).map(drop)
    }

    fn others<'k>(&'k self, signer: &'k Signer) -> impl Iterator<Item = &'k Signer> {
        self.signers.iter().filter(|other| other.kid() != signer.kid())
    }
}

fn claims() -> String {
    serde_json::to_string(&user()).unwrap()
}

fn with(changes: &Value) -> String {
    let mut claims = serde_json::to_value(user()).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.to_string()
}

#[test]
fn tokens_of_every_algorithm_count() {
    let ring = Keyring::new();
    for signer in &ring.signers {
        assert_eq!(ring.verdict(&signer.token(&claims())), Ok(()), "{}", signer.kid());
        assert_eq!(ring.verdict(&signer.token(&with(&json!({"exp": 1_799_999_970})))), Err(E::Expired), "{}", signer.kid());
        assert_eq!(ring.verdict(&signer.token(&with(&json!({"nbf": 1_800_000_031})))), Err(E::NotYetValid));
        assert_eq!(ring.verdict(&signer.token(&with(&json!({"iat": 1_800_000_031})))), Err(E::NotYetValid));
        assert_eq!(ring.verdict(&signer.token(&with(&json!({"iat": 1_800_000_030})))), Ok(()));
    }
    let ring = Keyring::of(vec![Signer::rsa(KeySize::Rsa4096)], &[Algorithm::Rs256]);
    assert_eq!(ring.verdict(&ring.signers[0].token(&claims())), Ok(()));
}

/// A header can only confirm what the key says. Each row is tried with the key of each algorithm.
#[test]
fn no_header_changes_what_a_key_is_for() {
    let ring = Keyring::new();
    for signer in &ring.signers {
        let kid = signer.kid();
        let attack = |header: &Value| ring.verdict(&signer.sign(&header.to_string(), &claims()));
        for alg in ["none", "None", "NONE", "", "HS256", "HS512", "RS384", "RS512", "PS256", "ES384", "ES256K", "Ed25519", "dir", "RSA-OAEP"] {
            assert_eq!(attack(&json!({"alg": alg, "kid": kid})), Err(E::Algorithm), "{alg} with {kid}");
        }
        for other in ring.others(signer) {
            let (alg, own) = (other.algorithm().as_str(), signer.algorithm().as_str());
            assert_eq!(attack(&json!({"alg": alg, "kid": kid})), Err(E::Algorithm), "{alg} with {kid}");
            assert_eq!(attack(&json!({"alg": own, "kid": other.kid()})), Err(E::Algorithm), "{own} under {}", other.kid());
            assert_eq!(attack(&json!({"alg": alg, "kid": other.kid()})), Err(E::Signature), "{kid} as {}", other.kid());
        }
        let own = signer.algorithm().as_str();
        for (header, expected) in [
            (json!({"alg": own}), E::UnknownKey),
            (json!({"alg": own, "kid": null}), E::UnknownKey),
            (json!({"alg": own, "kid": ""}), E::UnknownKey),
            (json!({"alg": own, "kid": "../../../etc/passwd"}), E::UnknownKey),
            (json!({"alg": own, "kid": "x' OR '1'='1"}), E::UnknownKey),
            (json!({"alg": own, "kid": "x".repeat(4_000)}), E::UnknownKey),
            (json!({"alg": own, "kid": 7}), E::Malformed),
            (json!({"alg": own, "kid": [kid]}), E::Malformed),
            (json!({"alg": [own], "kid": kid}), E::Malformed),
            (json!({"alg": own, "kid": kid, "crit": []}), E::Malformed),
            (json!({"alg": own, "kid": kid, "crit": ["exp"]}), E::Malformed),
            (json!({"alg": own, "kid": kid, "typ": "logout+jwt"}), E::Malformed),
        ] {
            assert_eq!(attack(&header), Err(expected), "{header}");
        }
        for doubled in [format!(r#"{{"alg":"{own}","alg":"none","kid":"{kid}"}}"#), format!(r#"{{"alg":"{own}","kid":"{kid}","kid":"{kid}"}}"#)] {
            assert_eq!(ring.verdict(&signer.sign(&doubled, &claims())), Err(E::Malformed), "{doubled}");
        }
    }
}

/// Where a key is, a token never says: these members are not read.
#[test]
fn keys_in_headers_are_nobodys() {
    let ring = Keyring::new();
    for signer in &ring.signers {
        let evil = Signer::new(signer.algorithm());
        let alg = signer.algorithm().as_str();
        for (member, value) in [
            ("jwk", evil.jwk()),
            ("jku", json!("https://evil.example/jwks")),
            ("x5u", json!("https://evil.example/cert")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AA")),
        ] {
            let header = |kid: &str| {
                let mut header = json!({"alg": alg, "kid": kid});
                header[member] = value.clone();
                header.to_string()
            };
            assert_eq!(ring.verdict(&evil.sign(&header(signer.kid()), &claims())), Err(E::Signature), "{member}");
            assert_eq!(ring.verdict(&evil.sign(&header("evil"), &claims())), Err(E::UnknownKey), "{member}");
            assert_eq!(ring.verdict(&signer.sign(&header(signer.kid()), &claims())), Ok(()), "{member}");
        }
    }
}

/// The classic confusion: a public key taken for an HMAC secret.
#[test]
fn a_public_key_is_no_secret() {
    let ring = Keyring::new();
    for signer in &ring.signers {
        for secret in signer.public_texts() {
            for alg in ["HS256", signer.algorithm().as_str()] {
                let message = format!("{}.{}", b64(json!({"alg": alg, "kid": signer.kid()}).to_string()), b64(claims()));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
                let expected = if alg == "HS256" { E::Algorithm } else { E::Signature };
                assert_eq!(ring.verdict(&format!("{message}.{}", b64(tag.as_ref()))), Err(expected), "{alg} {}", signer.kid());
            }
        }
    }
}

#[test]
fn signatures_of_another_form_are_none() {
    let ring = Keyring::new();
    for signer in &ring.signers {
        let message = format!("{}.{}", b64(json!({"alg": signer.algorithm().as_str(), "kid": signer.kid()}).to_string()), b64(claims()));
        let good = signer.signature(message.as_bytes());
        let length = good.len();
        let mut wrong = vec![
            Vec::new(),
            vec![0; length],
            vec![0xff; length],
            vec![0; 64],
            good[..length - 1].to_vec(),
            [&good[..], &[0]].concat(),
            [&[0], &good[..]].concat(),
            good.iter().rev().copied().collect(),
            signer.signature(b"something else"),
        ];
        // ES256: as DER; EdDSA and RSA: nothing of that length.
        let (r, s) = good.split_at(length / 2);
        wrong.push([&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat());
        wrong.extend(signer.pss_signature(message.as_bytes()));
        for signature in wrong {
            assert_eq!(ring.verdict(&format!("{message}.{}", b64(&signature))), Err(E::Signature), "{} {signature:?}", signer.kid());
        }
        assert_eq!(ring.verdict(&format!("{message}.{}", b64(&good))), Ok(()));
        // The same bits in another text: padding, another alphabet, bits beyond the last byte.
        let text = b64(&good);
        for other in [format!("{text}="), format!("{text}=="), text.replace(['-', '_'], "+"), format!("{text}\n"), format!(" {text}")] {
            if other != text {
                assert!(ring.verdict(&format!("{message}.{other}")).is_err(), "{other}");
            }
        }
    }
}

#[test]
fn what_is_not_a_compact_signed_jwt_is_refused() {
    let ring = Keyring::new();
    for signer in &ring.signers {
        let good = signer.token(&claims());
        let parts: Vec<&str> = good.split('.').collect();
        let json = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
        // DEFLATE of a few bytes that would be a megabyte; nothing here inflates.
        let bomb = b64([&[0xec, 0xc1, 0x01, 0x01][..], &[0; 4_000]].concat());
        let zipped = b64(json!({"alg": signer.algorithm().as_str(), "kid": signer.kid(), "zip": "DEF"}).to_string());
        let zip_signature = b64(signer.signature(format!("{zipped}.{bomb}").as_bytes()));
        for odd in [
            json,
            format!("{}.{}", parts[0], parts[1]),
            format!("{}..{}", parts[0], parts[2]),
            format!(".{}.{}", parts[1], parts[2]),
            format!("{good}.{}", parts[2]),
            format!("{}.{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[1], parts[2]),
            format!("{zipped}.{bomb}.{zip_signature}"),
            signer.token("[]"),
            signer.token(&json!([PLAIN, "extensions-runtime", "ada", 1_800_000_600]).to_string()),
            signer.sign(&json!([signer.algorithm().as_str(), signer.kid()]).to_string(), &claims()),
            signer.token("null"),
            signer.token(&format!("{}{}", "[".repeat(2_000), "]".repeat(2_000))),
            signer.token(&format!("{} x", claims())),
            signer.token(&format!("\u{feff}{}", claims())),
        ] {
            assert!(matches!(ring.verdict(&odd), Err(E::Malformed)), "{} {odd}", signer.kid());
        }
        for member in ["iss", "sub", "exp", "tenant_id", "scope", "aud", "act"] {
            let doubled = claims().replacen('{', &format!(r#"{{"{member}":null,"{member}":null,"#), 1);
            assert_eq!(ring.verdict(&signer.token(&doubled)), Err(E::Malformed), "{member}");
        }
    }
}

#[test]
fn an_issuer_signs_with_what_it_is_configured_for() {
    let signers: Vec<_> = Algorithm::ALL.iter().copied().map(Signer::new).collect();
    let ring = Keyring::of(signers, &[Algorithm::Es256]);
    for signer in &ring.signers {
        let expected = if signer.algorithm() == Algorithm::Es256 { Ok(()) } else { Err(E::Algorithm) };
        assert_eq!(ring.verdict(&signer.token(&claims())), expected, "{}", signer.kid());
    }
}
