//! Who stands behind a verified token, and what they may do.

use std::{fmt, sync::Arc, time::SystemTime};

use extensions_tls::PeerNames;
use extensions_types::{ActorType, CallLabel, ErrorCode, Kind, TenantId};

use crate::{ContextRefusal, Grant, Role, Scope, VerifyError, issuer::ClientNames, words::Flags};

/// A verified identity. Only a [`Verifier`](crate::Verifier) makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(crate) issuer: Arc<str>,
    pub(crate) subject: CallLabel,
    pub(crate) reach: Reach,
    pub(crate) actor_type: ActorType,
    pub(crate) roles: Flags<Role>,
    pub(crate) scopes: Flags<Scope>,
    pub(crate) actors: Box<[CallLabel]>,
    pub(crate) expires: SystemTime,
    /// Of the issuer, and of the grant: each that is there must be proved.
    pub(crate) client_names: [Option<ClientNames>; 2],
}

/// For whom a token speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One tenant.
    Tenant { tenant: TenantId, org: Option<CallLabel> },
    /// The tenants of a grant, named call by call; none is granted without one.
    Delegate { grant: Option<Arc<Grant>> },
    /// No tenant: control and admin.
    Platform,
    /// No tenant: jobs of the registry's.
    Worker,
}

impl Reach {
    /// What the grant asks of the connection.
    pub(crate) fn client_names(&self) -> Option<ClientNames> {
        match self {
            Self::Delegate { grant: Some(grant) } => grant.client_names.clone(),
            Self::Delegate { grant: None } | Self::Tenant { .. } | Self::Platform | Self::Worker => None,
        }
    }
}

impl Principal {
    /// The token's issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The token's subject: a user, or a service. A person is (issuer, subject).
    #[must_use]
    pub fn subject(&self) -> &CallLabel {
        &self.subject
    }

    /// The one tenant of the token; none for delegating, platform and worker tokens.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match &self.reach {
            Reach::Tenant { tenant, .. } => Some(tenant),
            Reach::Delegate { .. } | Reach::Platform | Reach::Worker => None,
        }
    }

    /// The token's organisation within its tenant.
    #[must_use]
    pub fn org(&self) -> Option<&CallLabel> {
        match &self.reach {
            Reach::Tenant { org, .. } => org.as_ref(),
            Reach::Delegate { .. } | Reach::Platform | Reach::Worker => None,
        }
    }

    /// Who stands behind the token.
    #[must_use]
    pub fn actor_type(&self) -> ActorType {
        self.actor_type
    }

    /// Who acts for the subject, the nearest first: `act`. Empty when the
    /// subject acts themselves.
    #[must_use]
    pub fn actors(&self) -> &[CallLabel] {
        &self.actors
    }

    /// Whether somebody else acts for the subject.
    #[must_use]
    pub fn is_delegated(&self) -> bool {
        !self.actors.is_empty()
    }

    /// The configured grant of a delegating service.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match &self.reach {
            Reach::Delegate { grant } => grant.as_deref(),
            Reach::Tenant { .. } | Reach::Platform | Reach::Worker => None,
        }
    }

    /// Whether the token has `role`.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// Whether the token has `scope`.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }

    /// Whether it is a compile worker: scope `compile`, no tenant and no other reach.
    #[must_use]
    pub fn is_worker(&self) -> bool {
        self.reach == Reach::Worker
    }

    /// When the token ends.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Whether an extension of `kind` may be invoked at all; for whom is
    /// [`context`](Self::context)'s to say.
    #[must_use]
    pub fn may_invoke(&self, kind: Kind) -> bool {
        self.check_invoking().is_ok() && self.grant().is_none_or(|grant| grant.covers_kind(kind))
    }

    /// Whether the token counts over a connection whose client proves `names`.
    pub(crate) fn check_connection(&self, names: &PeerNames) -> Result<(), VerifyError> {
        let all = self.client_names.iter().flatten().all(|wanted| names.any_of(wanted));
        if all { Ok(()) } else { Err(VerifyError::Certificate) }
    }

    /// What it takes of memory beside what many share, about.
    pub(crate) fn bytes(&self) -> usize {
        let org = self.org().map_or(0, |org| org.as_str().len());
        let tenant = self.tenant().map_or(0, |tenant| tenant.as_str().len());
        let actors: usize = self.actors.iter().map(|actor| size_of_val(actor) + actor.as_str().len()).sum();
        size_of::<Self>() + self.subject.as_str().len() + org + tenant + actors
    }

    pub(crate) fn check_invoking(&self) -> Result<(), ContextRefusal> {
        let denied = |message| Err(ContextRefusal::new(ErrorCode::PermissionDenied, message));
        if self.has_scope(Scope::Operate) {
            return denied("a token with scope `platform:operate` may not invoke; use a tenant's token");
        }
        match &self.reach {
            Reach::Tenant { .. } if self.has_scope(Scope::Invoke) => Ok(()),
            Reach::Tenant { .. } => denied("the token lacks scope `invoke`"),
            Reach::Delegate { grant: Some(_) } => Ok(()),
            Reach::Delegate { grant: None } => denied("no delegation grant is configured for this service"),
            Reach::Platform | Reach::Worker => denied("the token names no tenant and may not invoke"),
        }
    }

    /// Who it is, for logs and audit.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }
}

/// One line that identifies a principal: `sub@issuer`, every actor, and
/// whether the call was delegated. For logs; not public.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a>(&'a Principal);

impl fmt::Display for Audit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Principal { issuer, subject, actors, actor_type, reach, .. } = self.0;
        write!(f, "{actor_type} {subject}@{issuer}")?;
        for actor in actors {
            write!(f, " via {actor}")?;
        }
        match reach {
            Reach::Tenant { tenant, .. } => write!(f, " of {tenant}"),
            Reach::Delegate { .. } => f.write_str(" delegating"),
            Reach::Platform => f.write_str(" operating"),
            Reach::Worker => f.write_str(" compiling"),
        }
    }
}
