//! How long a verified token is believed.

use std::sync::Arc;

use super::*;
use crate::{CACHE_LIFE, Channel, VerifyError as E};

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
    let (old, fresh, platform) = (DevKey::generate().unwrap(), DevKey::generate().unwrap(), DevKey::generate().unwrap());
    let (_folder, file, verifier) = with_key_file(&old, &platform);
    assert!(verifier.verify(&old.sign(&user()), now()).is_ok());
    std::fs::write(&file, fresh.jwks()).unwrap();
    verifier.look_at_key_files();
    assert_eq!(verifier.verify(&old.sign(&user()), now()).unwrap_err(), E::UnknownKey);
    assert!(verifier.verify(&fresh.sign(&user()), now()).is_ok());
}

/// The first issuer's keys lie in a file.
fn with_key_file(plain: &DevKey, platform: &DevKey) -> (tempfile::TempDir, std::path::PathBuf, Verifier) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, plain.jwks()).unwrap();
    let mut settings = settings(plain, platform);
    (settings.issuers[0].jwks, settings.issuers[0].jwks_file) = (None, Some(file.clone()));
    (folder, file, Verifier::new(settings).unwrap())
}

#[test]
fn unusable_keys_change_nothing() {
    let (plain, platform) = (DevKey::generate().unwrap(), DevKey::generate().unwrap());
    let (_folder, file, verifier) = with_key_file(&plain, &platform);
    for garbage in ["{}", "", "\u{0}\u{1}", r#"{"keys": []}"#] {
        std::fs::write(&file, garbage).unwrap();
        verifier.look_at_key_files();
        assert!(verifier.verify(&plain.sign(&user()), now()).is_ok(), "{garbage:?}");
    }
}

/// What a connection knows of its tokens ends as the memory of all does.
#[test]
fn a_connection_believes_no_longer_than_the_memory() {
    let (old, fresh, platform) = (DevKey::generate().unwrap(), DevKey::generate().unwrap(), DevKey::generate().unwrap());
    let (_folder, file, verifier) = with_key_file(&old, &platform);
    let channel = Channel::new(std::time::Instant::now());
    let token = old.sign(&user());
    let at = |now| verifier.verify_on(&channel, &token, now);
    let first = at(now()).unwrap();
    assert!(Arc::ptr_eq(&first, &at(now() + CACHE_LIFE - Duration::from_nanos(1)).unwrap()));
    let second = at(now() + CACHE_LIFE).unwrap();
    assert!(!Arc::ptr_eq(&first, &second), "it was verified again");
    std::fs::write(&file, fresh.jwks()).unwrap();
    verifier.look_at_key_files();
    assert_eq!(at(now() + CACHE_LIFE).unwrap_err(), E::UnknownKey);
}

#[test]
fn a_connections_tokens_are_told_apart_and_bounded() {
    let key = DevKey::generate().unwrap();
    let verifier = Verifier::new(settings(&key, &key)).unwrap();
    let channel = Channel::new(std::time::Instant::now());
    let tokens: Vec<_> = (0..40).map(|number| key.sign(&user().org(&label(&format!("org-{number}"))))).collect();
    for _ in 0..3 {
        for token in &tokens {
            let direct = verifier.verify(token, now()).unwrap();
            assert!(Arc::ptr_eq(&direct, &verifier.verify_on(&channel, token, now()).unwrap()));
        }
    }
    assert!(format!("{channel:?}").contains("tokens: 16"), "{channel:?}");
    let forged = tokens[0].replace('.', "_");
    assert!(verifier.verify_on(&channel, &forged, now()).is_err());
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
    assert!(verifier.memory().len() <= 128, "{}", verifier.memory().len());
}

#[test]
fn heavy_tokens_are_fewer_for_it() {
    let key = DevKey::generate().unwrap();
    let mut settings = settings(&key, &key);
    settings.cached_tokens = 64;
    let verifier = Verifier::new(settings).unwrap();
    let long = label(&"x".repeat(128));
    for number in 0..500 {
        let claims = (0..4).fold(user().org(&label(&format!("{number}-{}", "o".repeat(100)))), |claims, _| claims.acted_by(&long));
        assert!(verifier.verify(&key.sign(&Claims { sub: Some("s".repeat(128)), ..claims }), now()).is_ok());
    }
    assert!(verifier.memory().weight() <= 64 << 10, "{}", verifier.memory().weight());
    assert!(verifier.memory().len() > 8 && verifier.memory().len() <= 64, "{}", verifier.memory().len());
}
