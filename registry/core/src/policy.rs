//! What a fleet's operators decide about versions, beyond the fixed rules.

use extensions_types::{Environment, RiskTier};
use serde::{Deserialize, Serialize};

/// How many different people must approve a version of `tier` for `env`.
#[must_use]
pub const fn approvals_needed(tier: RiskTier, env: Environment) -> usize {
    match (env, tier) {
        (Environment::Dev, _) | (_, RiskTier::Low) => 0,
        (Environment::Staging | Environment::Prod, RiskTier::Medium) => 1,
        (Environment::Staging | Environment::Prod, RiskTier::High) => 2,
    }
}

/// The settings of the lifecycle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What agents may do.
    pub agents: AgentPolicy,
}

/// What agents may do, whatever their roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentPolicy {
    /// The highest tier that an agent may author or release.
    pub tier_max: RiskTier,
    /// The last environment, in the order dev, staging, prod, in which an
    /// agent may change what is served.
    pub env_max: Environment,
}

impl Default for AgentPolicy {
    fn default() -> Self {
        Self { tier_max: RiskTier::Medium, env_max: Environment::Dev }
    }
}
