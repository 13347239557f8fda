//! Whose tokens a fleet believes, and who works with it.

use std::time::{Duration, SystemTime};

use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_types::{ActorType, CallLabel, TenantId};

/// The tenant of everything here.
pub(crate) const TENANT: &str = "acme";
const ISSUER: &str = "test";
const LIFE: Duration = Duration::from_secs(3_600);

/// An issuer of tokens.
pub(crate) struct People(DevKey);

impl People {
    pub(crate) fn new() -> Self {
        Self(DevKey::generate().unwrap())
    }

    /// The issuer as settings name it.
    pub(crate) fn to_toml(&self) -> String {
        let jwks = self.0.jwks();
        format!("[[identity.issuers]]\nissuer = \"{ISSUER}\"\njwks = '{jwks}'\ntenants = \"all\"\nmay_compile = true\nmay_operate = true\n")
    }

    /// Somebody with every role but that of reviewer.
    pub(crate) fn author(&self) -> String {
        let claims = claims("ada", Audience::Registry, ActorType::User).tenant(&tenant()).scopes(&[Scope::Invoke]);
        self.0.sign(&claims.roles(&[Role::Author, Role::Releaser, Role::Viewer]))
    }

    /// A primitive that calls extensions.
    pub(crate) fn caller(&self) -> String {
        self.0.sign(&claims("orders", Audience::Runtime, ActorType::User).tenant(&tenant()).scopes(&[Scope::Invoke]))
    }

    /// An operator of the platform, at registries or at hosts.
    pub(crate) fn operator(&self, at: Audience) -> String {
        self.0.sign(&claims("olga", at, ActorType::User).scopes(&[Scope::Operate]))
    }

    /// A compile worker.
    pub(crate) fn worker(&self) -> String {
        self.0.sign(&claims("worker-1", Audience::Registry, ActorType::System).scopes(&[Scope::Compile]))
    }
}

fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

fn claims(subject: &str, audience: Audience, actor: ActorType) -> Claims {
    Claims::new(ISSUER, &CallLabel::parse(subject).unwrap(), audience, actor, SystemTime::now() + LIFE)
}
