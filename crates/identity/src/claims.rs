//! The claims of a token, as written and as read.
//!
//! Reading accepts more shapes than writing produces; whether the values hold
//! is judged elsewhere.

use std::time::{SystemTime, UNIX_EPOCH};

use extensions_types::{ActorType, CallLabel, TenantId};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Audience, Role, Scope};

/// What a token says. Built here to be signed; a verified token gives a
/// [`Principal`](crate::Principal) instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<OneOrMany>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    #[serde(default, deserialize_with = "numeric_date", skip_serializing_if = "Option::is_none")]
    pub(crate) exp: Option<u64>,
    #[serde(default, deserialize_with = "numeric_date", skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<u64>,
    #[serde(default, deserialize_with = "numeric_date", skip_serializing_if = "Option::is_none")]
    pub(crate) iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) org_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Box<Act>>,
}

/// Who acts for the subject, and who for them (RFC 8693).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Act {
    pub(crate) sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Box<Act>>,
}

/// `aud` may be one text or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(list) => list,
        }
    }
}

impl Claims {
    /// A token of `issuer` about `subject`, without tenant, roles and scopes.
    #[must_use]
    pub fn new(issuer: &str, subject: &CallLabel, audience: Audience, actor: ActorType, expires: SystemTime) -> Self {
        Self {
            iss: Some(issuer.to_owned()),
            aud: Some(OneOrMany::One(audience.as_str().to_owned())),
            sub: Some(subject.as_str().to_owned()),
            exp: Some(seconds(expires)),
            nbf: None,
            iat: None,
            tenant_id: None,
            org_id: None,
            actor_type: Some(actor.as_str().to_owned()),
            roles: Vec::new(),
            scope: None,
            act: None,
        }
    }

    /// Meant for all of these services.
    #[must_use]
    pub fn audiences(mut self, audiences: &[Audience]) -> Self {
        self.aud = Some(OneOrMany::Many(audiences.iter().map(|audience| audience.as_str().to_owned()).collect()));
        self
    }

    /// Not valid before `time`.
    #[must_use]
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.nbf = Some(seconds(time));
        self
    }

    /// For this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: &TenantId) -> Self {
        self.tenant_id = Some(tenant.as_str().to_owned());
        self
    }

    /// For this organisation within the tenant.
    #[must_use]
    pub fn org(mut self, org: &CallLabel) -> Self {
        self.org_id = Some(org.as_str().to_owned());
        self
    }

    /// With these roles.
    #[must_use]
    pub fn roles(mut self, roles: &[Role]) -> Self {
        self.roles = roles.iter().map(|role| role.as_str().to_owned()).collect();
        self
    }

    /// With these scopes.
    #[must_use]
    pub fn scopes(mut self, scopes: &[Scope]) -> Self {
        self.scope = Some(scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
        self
    }

    /// Used by `actor` on behalf of the subject; a second call puts the new
    /// actor in front of the first.
    #[must_use]
    pub fn acted_by(mut self, actor: &CallLabel) -> Self {
        self.act = Some(Box::new(Act { sub: actor.as_str().to_owned(), act: self.act }));
        self
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whole seconds, or a fraction that is cut off: RFC 7519 allows both.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(u64),
        Fraction(f64),
    }
    match Number::deserialize(deserializer)? {
        Number::Whole(seconds) => Ok(Some(seconds)),
        // Below 2^53 the cast is exact; beyond lies no date.
        Number::Fraction(seconds) if (0.0..9e15).contains(&seconds) => Ok(Some(seconds as u64)),
        Number::Fraction(_) => Err(serde::de::Error::custom("not a date")),
    }
}
