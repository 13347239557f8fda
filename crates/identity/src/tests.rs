//! The rules of identity as tables: every refusal has its own row.

mod algorithms;
mod cache;
mod connections;
mod contexts;
mod cost;
mod forgery;
mod signers;
mod tokens;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use extensions_types::{ActorType, CallLabel, Kind, TenantId};

use crate::{Audience, Claims, DevKey, GrantSettings, IdentitySettings, IssuerSettings, Role, Scope, Tenants, Verifier};

/// A bounded issuer: two tenants, no special scopes.
const PLAIN: &str = "https://id.example";
/// The platform's own: all tenants, all scopes.
const PLATFORM: &str = "https://platform.example";

/// The time of every test.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn later(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

fn only(tenants: &[&str]) -> Tenants {
    Tenants::Only(tenants.iter().map(|text| tenant(text)).collect())
}

/// Two issuers, each with its key, and a verifier that knows both.
struct World {
    plain: DevKey,
    platform: DevKey,
    verifier: Verifier,
}

impl World {
    fn new() -> Self {
        let (plain, platform) = (DevKey::generate().unwrap(), DevKey::generate().unwrap());
        let verifier = Verifier::new(settings(&plain, &platform)).unwrap();
        Self { plain, platform, verifier }
    }

    fn plain_token(&self, change: impl FnOnce(Claims) -> Claims) -> String {
        self.plain.sign(&change(user()))
    }

    fn platform_token(&self, change: impl FnOnce(Claims) -> Claims) -> String {
        self.platform.sign(&change(service()))
    }
}

fn settings(plain: &DevKey, platform: &DevKey) -> IdentitySettings {
    let bounded = IssuerSettings {
        tenants: only(&["acme", "umbrella"]),
        may_operate: false,
        may_delegate: false,
        may_compile: false,
        development: false,
        ..IssuerSettings::development(PLAIN, plain.jwks())
    };
    let wide = IssuerSettings { development: false, ..IssuerSettings::development(PLATFORM, platform.jwks()) };
    let grant = |subject, tenants, kinds: &[Kind]| GrantSettings {
        issuer: PLATFORM.to_owned(),
        subject: label(subject),
        tenants,
        kinds: kinds.iter().copied().collect::<BTreeSet<_>>(),
        client_names: None,
    };
    let mut settings = IdentitySettings::new(vec![bounded, wide]);
    settings.grants = vec![
        grant("orders", only(&["acme", "globex"]), &[Kind::DomainHook]),
        grant("workflows", Tenants::All, &[Kind::ProcessHook, Kind::DomainHook]),
    ];
    settings
}

/// A person of acme who may invoke.
fn user() -> Claims {
    Claims::new(PLAIN, &label("ada"), Audience::Runtime, ActorType::User, later(600))
        .tenant(&tenant("acme"))
        .org(&label("sales"))
        .roles(&[Role::Author, Role::Viewer])
        .scopes(&[Scope::Invoke])
}

/// The Orders service, which may call for others.
fn service() -> Claims {
    Claims::new(PLATFORM, &label("orders"), Audience::Runtime, ActorType::System, later(600)).scopes(&[Scope::Delegate])
}
