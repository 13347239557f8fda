//! What counts over which connection, and how many tokens one may bring.

use std::time::Instant;

use extensions_types::{Environment, ErrorCode};

use super::*;
use crate::{Asked, Channel, PeerName, PeerNames, SettingsError, VerifyError as E};

fn name(text: &str) -> PeerName {
    text.parse().unwrap()
}

fn channel(names: &[&str]) -> Channel {
    Channel::with_certificate(Instant::now(), names.iter().map(|text| name(text)).collect::<PeerNames>())
}

/// The grant of `orders` asks for a certificate; so does the whole plain issuer where `of_issuer`.
fn verifier(world: &World, of_issuer: bool) -> Verifier {
    let mut settings = settings(&world.plain, &world.platform);
    settings.grants[0].client_names = Some(vec![name("orders.example"), name("spiffe://example/orders")]);
    if of_issuer {
        settings.issuers[1].client_names = Some(vec![name("mesh.example")]);
    }
    Verifier::new(settings).unwrap()
}

#[test]
fn a_stolen_service_token_counts_nowhere_without_the_certificate() {
    let world = World::new();
    let verifier = verifier(&world, false);
    let token = world.platform_token(|claims| claims);
    // Also when it has just been remembered, in any order.
    for (names, expected) in [
        (&[][..], Err(E::Certificate)),
        (&["orders.example"], Ok(())),
        (&[], Err(E::Certificate)),
        (&["billing.example"], Err(E::Certificate)),
        (&["billing.example", "spiffe://example/orders"], Ok(())),
        (&["spiffe://example/orders/evil"], Err(E::Certificate)),
        (&["orders.example.evil.example"], Err(E::Certificate)),
    ] {
        assert_eq!(verifier.verify_on(&channel(names), &token, now()).map(drop), expected, "{names:?}");
    }
    assert_eq!(verifier.verify(&token, now()).unwrap_err(), E::Certificate, "nobody knows over which connection");
    assert_eq!(E::Certificate.code(), ErrorCode::Unauthenticated);
    // Tokens that nothing is asked of count over any connection; the rights of a grant are not more for it.
    let others = world.platform_token(|claims| Claims { sub: Some("workflows".into()), ..claims });
    assert!(verifier.verify_on(&channel(&[]), &others, now()).is_ok());
    assert!(verifier.verify_on(&channel(&[]), &world.plain_token(|claims| claims), now()).is_ok());
    let orders = verifier.verify_on(&channel(&["orders.example"]), &token, now()).unwrap();
    let outside = Asked { tenant_id: "umbrella", user_id: "bob", ..Asked::default() };
    assert_eq!(orders.context(&outside, Environment::Dev, Instant::now()).unwrap_err().code, ErrorCode::PermissionDenied);
}

#[test]
fn what_issuer_and_grant_ask_must_both_be_there() {
    let world = World::new();
    let verifier = verifier(&world, true);
    let of_orders = world.platform_token(|claims| claims);
    let operator = world.platform_token(|claims| claims.scopes(&[Scope::Operate]));
    for (names, orders, operates) in [
        (&["orders.example"][..], false, false),
        (&["mesh.example"], false, true),
        (&["mesh.example", "orders.example"], true, true),
        (&[], false, false),
    ] {
        let counts = |token: &str| verifier.verify_on(&channel(names), token, now()).is_ok();
        assert_eq!((counts(&of_orders), counts(&operator)), (orders, operates), "{names:?}");
    }
    let mut settings = settings(&world.plain, &world.platform);
    assert!(settings.check(false).is_ok());
    settings.grants[0].client_names = Some(vec![name("orders.example")]);
    assert!(settings.check(true).is_ok() && matches!(settings.check(false), Err(SettingsError::NoCertificates)));
    settings.grants[0].client_names = Some(Vec::new());
    assert!(matches!(settings.check(true), Err(SettingsError::NoClientNames { .. })));
}

#[test]
fn unseen_tokens_are_bounded_and_seen_ones_are_not() {
    let world = World::new();
    let channel = channel(&[]);
    let seen = world.plain_token(|claims| claims);
    let mut refused = 0;
    for number in 0..3_000 {
        let token = world.plain_token(|claims| claims.org(&label(&format!("org-{number}"))));
        match world.verifier.verify_on(&channel, &token, now()) {
            Ok(_) => {}
            Err(E::TooManyUnseen) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        if number < 1_500 {
            // After its first time it is remembered.
            assert!(world.verifier.verify_on(&channel, &seen, now()).is_ok() || number == 0);
        }
    }
    assert!(refused > 0, "a flood of good tokens costs a signature each");
    assert_eq!((E::TooManyUnseen.code(), E::TooManyUnseen.retry_after()), (ErrorCode::Overloaded, Some(Duration::from_secs(1))));
    assert!(world.verifier.verify_on(&Channel::new(Instant::now()), &world.plain_token(|claims| claims.org(&label("x"))), now()).is_ok());
}
