//! Who asks, and by what right.

use std::{collections::BTreeSet, fmt};

use extensions_types::{ActorType, CallLabel, TenantId};
use serde::{Deserialize, Serialize};

/// Who did something, as history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The issuer of the token.
    pub iss: String,
    /// Its subject.
    pub sub: CallLabel,
    /// Who stands behind it.
    pub actor_type: ActorType,
    /// Who acted for the subject, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub act: Vec<CallLabel>,
}

/// A person or a service: a subject of one issuer. The same subject of another
/// issuer is somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The issuer.
    pub iss: String,
    /// The subject.
    pub sub: CallLabel,
}

impl Actor {
    /// The issuer's name of the registry itself.
    pub const REGISTRY: &'static str = "extensions-registry";

    /// The subject as a person.
    #[must_use]
    pub fn person(&self) -> Person {
        Person { iss: self.iss.clone(), sub: self.sub.clone() }
    }

    /// Everybody whose hand is in it: the subject and each who acted for it.
    pub fn hands(&self) -> impl Iterator<Item = Person> {
        std::iter::once(&self.sub).chain(&self.act).map(|sub| Person { iss: self.iss.clone(), sub: sub.clone() })
    }

    /// Whether it is a person who acts themselves: no agent, no service,
    /// nobody in somebody's name.
    #[must_use]
    pub fn is_human(&self) -> bool {
        self.actor_type == ActorType::User && self.act.is_empty()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sub.fmt(f)?;
        self.act.iter().try_for_each(|actor| write!(f, " via {actor}"))
    }
}

/// What somebody may do within their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Create, upload, compile, submit.
    Author,
    /// Decide on a submitted version.
    Reviewer,
    /// Promote, roll back, pin, enable, retire.
    Releaser,
    /// Read.
    Viewer,
}

impl Role {
    /// The word for it, as in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Reviewer => "reviewer",
            Self::Releaser => "releaser",
            Self::Viewer => "viewer",
        }
    }
}

/// By what right somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// A tenant's token with these roles.
    Tenant {
        /// The only tenant that it is for.
        tenant: TenantId,
        /// What it may do there.
        roles: BTreeSet<Role>,
    },
    /// A platform token with scope `platform:operate`.
    Operator,
    /// The registry itself: results of builds, retention. No token gives it.
    Registry,
}

/// Who asks, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub actor: Actor,
    /// By what right.
    pub authority: Authority,
}

impl Caller {
    /// A part of the registry itself, such as `retention`.
    #[must_use]
    pub fn registry(part: CallLabel) -> Self {
        let actor = Actor { iss: Actor::REGISTRY.to_owned(), sub: part, actor_type: ActorType::System, act: Vec::new() };
        Self { actor, authority: Authority::Registry }
    }
}
