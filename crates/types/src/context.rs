//! The identity that one call runs under, after it has been verified.

use crate::{ActorType, CallLabel, Environment, RiskTier, TenantId};

/// Who calls, for whom and where. Only verified identity makes one; an
/// extension reads it and cannot change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionContext {
    /// The tenant whose extension runs.
    pub tenant: TenantId,
    /// Organisation within the tenant.
    pub org: Option<CallLabel>,
    /// The user in whose name the call happens.
    pub user: CallLabel,
    /// Who stands behind the call.
    pub actor_type: ActorType,
    /// The caller's session.
    pub session: Option<CallLabel>,
    /// Ties the logs of one business operation together.
    pub correlation: CallLabel,
    /// The host's environment.
    pub env: Environment,
    /// The highest tier that the caller accepts.
    pub risk_ceiling: RiskTier,
    /// The calling primitive.
    pub caller: CallLabel,
    /// The named place in the primitive that called.
    pub hook_point: Option<CallLabel>,
}
