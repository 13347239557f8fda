//! What the targets share: whose panics count, and an issuer of tokens.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    process::abort,
    sync::{Arc, Once},
    time::{Duration, SystemTime},
};

use extensions_identity::{Audience, Claims, DevKey, IdentitySettings, IssuerSettings, Principal, Scope, SettingsError, Verifier};
use extensions_types::{ActorType, CallLabel, TenantId};

const ISSUER: &str = "fuzz";

/// Runs `judge` and ends the process when a panic comes out of it. A panic that
/// the code under test catches itself, because foreign code threw it, is none:
/// libFuzzer's own hook would end the process before it is caught.
pub fn contained(judge: impl FnOnce()) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        drop(take_hook());
        set_hook(Box::new(|panic| LAST.set(panic.to_string())));
    });
    if catch_unwind(AssertUnwindSafe(judge)).is_err() {
        eprintln!("{}", LAST.take());
        abort();
    }
}

thread_local! {
    static LAST: std::cell::Cell<String> = const { std::cell::Cell::new(String::new()) };
}

/// A verifier that trusts the keys of a document.
///
/// # Errors
/// When the document is refused.
pub fn verifier_of(jwks: &str) -> Result<Verifier, SettingsError> {
    let issuers = vec![IssuerSettings::development(ISSUER, jwks.to_owned())];
    Verifier::new(IdentitySettings { allow_development: true, ..IdentitySettings::new(issuers) })
}

/// A verifier, and a token of user `ada` in tenant `acme` that it believes for an hour.
#[must_use]
pub fn issuer() -> (Verifier, String) {
    let key = DevKey::generate().expect("a key");
    let ada = CallLabel::parse("ada").expect("a label");
    let acme = TenantId::parse("acme").expect("a tenant");
    let expires = SystemTime::now() + Duration::from_secs(3_600);
    let claims = Claims::new(ISSUER, &ada, Audience::Runtime, ActorType::User, expires).tenant(&acme).scopes(&[Scope::Invoke]);
    (verifier_of(&key.jwks()).expect("its own keys"), key.sign(&claims))
}

/// Who stands behind that token.
#[must_use]
pub fn principal() -> Arc<Principal> {
    let (verifier, token) = issuer();
    verifier.verify(&token, SystemTime::now()).expect("its own token")
}
