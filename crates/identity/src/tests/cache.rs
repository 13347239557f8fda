//! How long a verified token is believed.

use std::sync::Arc;

use super::*;
use crate::{CACHE_LIFE, VerifyError as E};

/// Whether both looks gave the same remembered principal.
fn remembered(world: &World, token: &str, first: SystemTime, second: SystemTime) -> bool {
    let before = world.verifier.verify(token, first).unwrap();
    let after = world.verifier.verify(token, second).unwrap();
    Arc::ptr_eq(&before, &after)
}

#[test]
fn a_token_is_remembered_for_a_minute() {
    let world = World::new();
    let token = world.plain_token(|claims| claims);
    assert!(remembered(&world, &token, now(), now() + CACHE_LIFE - Duration::from_nanos(1)));
    assert!(!remembered(&world, &token, now(), now() + CACHE_LIFE));
}

#[test]
fn expiry_ends_the_memory() {
    let world = World::new();
    let token = world.plain.sign(&Claims { exp: Some(1_800_000_010), ..user() });
    assert!(remembered(&world, &token, now(), later(9)));
    // Within the skew the token still verifies, each time anew.
    assert!(!remembered(&world, &token, later(10), later(10)));
    assert_eq!(world.verifier.verify(&token, later(40)).unwrap_err(), E::Expired);
}

#[test]
fn a_clock_that_steps_back_is_not_served_from_memory() {
    let world = World::new();
    let token = world.plain_token(|claims| claims.not_before(now()));
    assert!(world.verifier.verify(&token, later(0)).is_ok());
    assert_eq!(world.verifier.verify(&token, now() - Duration::from_secs(31)).unwrap_err(), E::NotYetValid);
}

#[test]
fn rotated_keys_end_remembered_tokens_at_once() {
    let world = World::new();
    let (old, other) = (world.plain_token(|claims| claims), world.platform_token(|claims| claims));
    assert!(world.verifier.verify(&old, now()).is_ok());
    assert!(world.verifier.verify(&other, now()).is_ok());
    let fresh = DevKey::generate().unwrap();
    world.verifier.replace_keys(PLAIN, &fresh.jwks()).unwrap();
    assert_eq!(world.verifier.verify(&old, now()).unwrap_err(), E::UnknownKey);
    assert!(world.verifier.verify(&fresh.sign(&user()), now()).is_ok());
    assert!(world.verifier.verify(&other, now()).is_ok());
}

#[test]
fn unusable_keys_change_nothing() {
    let world = World::new();
    let token = world.plain_token(|claims| claims);
    assert!(world.verifier.replace_keys(PLAIN, "{}").is_err());
    assert!(world.verifier.replace_keys("https://evil.example", &world.platform.jwks()).is_err());
    assert!(world.verifier.verify(&token, now()).is_ok());
}

#[test]
fn memory_is_bounded() {
    let key = DevKey::generate().unwrap();
    let mut settings = settings(&key, &key);
    settings.cached_tokens = 64;
    let verifier = Verifier::new(settings).unwrap();
    for number in 0..500 {
        let claims = user().org(&label(&format!("org-{number}")));
        assert!(verifier.verify(&key.sign(&claims), now()).is_ok());
    }
    assert!(verifier.remembered() <= 128, "{}", verifier.remembered());
}
