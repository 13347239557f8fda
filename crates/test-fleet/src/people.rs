//! Who works with a fleet, by what their tokens say. One key signs for all.

use std::time::{Duration, SystemTime};

use extensions_identity::{Audience, Claims, DevKey, KeyRejected, Role, Scope};
use extensions_types::{ActorType, CallLabel, TenantId};

/// The issuer of every token here.
pub(crate) const ISSUER: &str = "local-fleet";
/// Longer than anybody leaves a fleet running at a desk.
const TOKEN_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Signs tokens that the fleet's programs accept.
#[derive(Debug)]
pub struct People {
    key: DevKey,
}

impl People {
    pub(crate) fn new() -> Result<Self, KeyRejected> {
        Ok(Self { key: DevKey::generate()? })
    }

    pub(crate) fn jwks(&self) -> String {
        self.key.jwks()
    }

    /// A person of `tenant` with every role, who may also call.
    #[must_use]
    pub fn developer(&self, tenant: &TenantId) -> String {
        self.sign(claims("ada", ActorType::User).tenant(tenant).roles(Role::ALL).scopes(&[Scope::Invoke]))
    }

    /// Whoever operates the platform; of no tenant.
    #[must_use]
    pub fn operator(&self) -> String {
        self.sign(claims("olga", ActorType::User).scopes(&[Scope::Operate]))
    }

    /// A compile worker.
    #[must_use]
    pub fn worker(&self) -> String {
        self.sign(claims("worker", ActorType::System).scopes(&[Scope::Compile]))
    }

    fn sign(&self, claims: Claims) -> String {
        self.key.sign(&claims.audiences(&[Audience::Runtime, Audience::Registry]))
    }
}

fn claims(subject: &str, actor: ActorType) -> Claims {
    let subject = CallLabel::parse(subject).expect("a constant of the grammar");
    Claims::new(ISSUER, &subject, Audience::Runtime, actor, SystemTime::now() + TOKEN_LIFE)
}
