//! What a caller says about a call beside its token.

use extensions_proto::v1;
use extensions_types::{ActorType, Environment, RiskTier};

/// The execution context of a call. Everything is optional: a tenant's token
/// already says who calls; a delegating service names tenant and user here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    pub(crate) tenant: String,
    pub(crate) org: String,
    pub(crate) user: String,
    pub(crate) actor_type: Option<ActorType>,
    pub(crate) session: String,
    pub(crate) correlation: String,
    pub(crate) env: Option<Environment>,
    pub(crate) risk_ceiling: Option<RiskTier>,
}

impl Context {
    /// Says nothing: all as the token has it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tenant whose extension runs.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// The organisation within the tenant.
    #[must_use]
    pub fn org(mut self, org: impl Into<String>) -> Self {
        self.org = org.into();
        self
    }

    /// The user in whose name the call happens.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Who stands behind the call; over gRPC only.
    #[must_use]
    pub fn actor_type(mut self, actor: ActorType) -> Self {
        self.actor_type = Some(actor);
        self
    }

    /// The caller's session.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = session.into();
        self
    }

    /// Ties the logs of one business operation together; made up by the host
    /// otherwise.
    #[must_use]
    pub fn correlation(mut self, correlation: impl Into<String>) -> Self {
        self.correlation = correlation.into();
        self
    }

    /// The environment that is meant; a host of another refuses.
    #[must_use]
    pub fn env(mut self, env: Environment) -> Self {
        self.env = Some(env);
        self
    }

    /// The highest tier that is accepted; medium otherwise. Over gRPC only.
    #[must_use]
    pub fn risk_ceiling(mut self, tier: RiskTier) -> Self {
        self.risk_ceiling = Some(tier);
        self
    }

    pub(crate) fn message(&self) -> v1::ExecutionContext {
        v1::ExecutionContext {
            tenant_id: self.tenant.clone(),
            org_id: self.org.clone(),
            user_id: self.user.clone(),
            actor_type: self.actor_type.map_or(v1::ActorType::Unspecified, Into::into).into(),
            session_id: self.session.clone(),
            correlation_id: self.correlation.clone(),
            env: self.env.map_or(String::new(), |env| env.as_str().to_owned()),
            risk_tier: self.risk_ceiling.map_or(v1::RiskTier::Unspecified, Into::into).into(),
        }
    }
}
