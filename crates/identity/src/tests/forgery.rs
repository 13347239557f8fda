//! Tokens that nobody entitled has signed.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{TOKEN_BYTES_MAX, VerifyError as E};

fn b64(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn claims() -> String {
    serde_json::to_string(&user()).unwrap()
}

#[test]
fn headers_are_not_believed() {
    let world = World::new();
    let kid = world.plain.kid();
    let other = world.platform.kid();
    for (header, expected) in [
        (json!({"alg": "EdDSA", "kid": kid}), None),
        (json!({"alg": "EdDSA", "kid": kid, "typ": "at+jwt"}), None),
        (json!({"alg": "EdDSA", "kid": kid, "typ": "application/at+JWT"}), None),
        (json!({"alg": "EdDSA", "kid": kid, "jwk": {"kty": "OKP"}, "jku": "https://evil.example"}), None),
        (json!({"alg": "EdDSA", "kid": kid, "typ": "logout+jwt"}), Some(E::Malformed)),
        (json!({"alg": "EdDSA", "kid": kid, "crit": ["b64"], "b64": false}), Some(E::Malformed)),
        (json!({"kid": kid}), Some(E::Malformed)),
        (json!({"alg": "EdDSA"}), Some(E::UnknownKey)),
        (json!({"alg": "EdDSA", "kid": other}), Some(E::UnknownKey)),
        (json!({"alg": "EdDSA", "kid": "../../etc/passwd"}), Some(E::UnknownKey)),
        (json!({"alg": "none", "kid": kid}), Some(E::Algorithm)),
        (json!({"alg": "None", "kid": kid}), Some(E::Algorithm)),
        (json!({"alg": "ES256", "kid": kid}), Some(E::Algorithm)),
        (json!({"alg": "HS256", "kid": kid}), Some(E::Algorithm)),
        (json!({"alg": "eddsa", "kid": kid}), Some(E::Algorithm)),
    ] {
        let token = world.plain.sign_text(&header.to_string(), &claims());
        assert_eq!(world.verifier.verify(&token, now()).err(), expected, "{header}");
    }
}

#[test]
fn none_needs_no_signature_and_gets_no_entry() {
    let world = World::new();
    let message = format!("{}.{}", b64(json!({"alg": "none", "kid": world.plain.kid()}).to_string()), b64(claims()));
    assert_eq!(world.verifier.verify(&format!("{message}."), now()).unwrap_err(), E::Algorithm);
    assert_eq!(world.verifier.verify(&message, now()).unwrap_err(), E::Malformed);
}

/// The classic confusion: the public key taken for an HMAC secret.
#[test]
fn a_public_key_is_no_secret() {
    let world = World::new();
    let jwks: serde_json::Value = serde_json::from_str(&world.plain.jwks()).unwrap();
    let x = jwks["keys"][0]["x"].as_str().unwrap();
    let raw = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
    for secret in [raw.as_slice(), x.as_bytes(), world.plain.jwks().as_bytes()] {
        for alg in ["HS256", "EdDSA"] {
            let message = format!("{}.{}", b64(json!({"alg": alg, "kid": world.plain.kid()}).to_string()), b64(claims()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            let expected = if alg == "HS256" { E::Algorithm } else { E::Signature };
            assert_eq!(world.verifier.verify(&format!("{message}.{}", b64(tag.as_ref())), now()).unwrap_err(), expected);
        }
    }
}

#[test]
fn keys_of_one_issuer_do_not_sign_for_another() {
    let world = World::new();
    // The platform's key under the plain issuer's kid, and each with its own kid under the other's name.
    let header = json!({"alg": "EdDSA", "kid": world.plain.kid()}).to_string();
    assert_eq!(world.verifier.verify(&world.platform.sign_text(&header, &claims()), now()).unwrap_err(), E::Signature);
    assert_eq!(world.verifier.verify(&world.platform.sign(&user()), now()).unwrap_err(), E::UnknownKey);
    assert_eq!(world.verifier.verify(&world.plain.sign(&service()), now()).unwrap_err(), E::UnknownKey);
    assert_eq!(world.verifier.verify(&DevKey::generate().unwrap().sign(&user()), now()).unwrap_err(), E::UnknownKey);
}

#[test]
fn claims_of_one_token_do_not_fit_the_signature_of_another() {
    let world = World::new();
    let mine = world.plain_token(|claims| claims);
    let other = world.plain_token(|claims| claims.tenant(&tenant("umbrella")));
    let (message, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = mine.rsplit_once('.').unwrap();
    assert_eq!(world.verifier.verify(&format!("{message}.{signature}"), now()).unwrap_err(), E::Signature);
}

#[test]
fn odd_forms_are_refused() {
    let world = World::new();
    let good = world.plain_token(|claims| claims);
    for odd in ["", ".", "..", "...", "a.b.c", "Bearer x", "\0", "é.é.é"] {
        assert_eq!(world.verifier.verify(odd, now()).unwrap_err(), E::Malformed, "{odd:?}");
    }
    for near in [format!("{good}="), format!(" {good}"), format!("{good} "), format!("{good}.x"), format!("x.{good}"), good.replace('.', "..")] {
        assert!(world.verifier.verify(&near, now()).is_err(), "{near}");
    }
    assert_eq!(world.verifier.verify(&"x".repeat(TOKEN_BYTES_MAX), now()).unwrap_err(), E::Malformed);
    assert_eq!(world.verifier.verify(&"x".repeat(TOKEN_BYTES_MAX + 1), now()).unwrap_err(), E::TooLong);
}

proptest! {
    /// One changed, removed or added byte anywhere, and the token is worth nothing,
    /// also when the original has just been remembered.
    #[test]
    fn a_changed_token_never_verifies(place in any::<prop::sample::Index>(), byte in 0x21u8..0x7f, change in 0..3) {
        let world = World::new();
        let good = world.plain_token(|claims| claims);
        prop_assert!(world.verifier.verify(&good, now()).is_ok());
        let mut bytes = good.clone().into_bytes();
        let place = place.index(bytes.len());
        match change {
            0 => bytes[place] = byte,
            1 => { bytes.remove(place); }
            _ => bytes.insert(place, byte),
        }
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != good);
        prop_assert!(world.verifier.verify(&changed, now()).is_err());
    }

    #[test]
    fn no_text_crashes_it(text in any::<String>(), header in any::<String>(), claims in any::<String>()) {
        let world = World::new();
        prop_assert!(world.verifier.verify(&text, now()).is_err());
        prop_assert!(world.verifier.verify(&world.plain.sign_text(&header, &claims), now()).is_err());
    }
}
