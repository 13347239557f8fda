//! Whose extension it is, and by what right somebody asks.

use extensions_types::{ActorType, Environment, ErrorCode, RiskTier, TenantId};

use super::Case;
use crate::{Action, Authority, Caller, Extension, Refusal, Role};

/// The right that an action needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Author,
    Reviewer,
    Releaser,
    Operator,
    Registry,
}

/// What each action needs: the one table of rights.
pub(super) const fn right(action: &Action) -> Right {
    match action {
        Action::CreateVersion(_) | Action::RequestCompile { .. } | Action::Submit { .. } | Action::RequestWaiver { .. } => Right::Author,
        Action::Approve { .. } | Action::Reject { .. } | Action::GrantWaiver { .. } => Right::Reviewer,
        Action::Promote { .. } | Action::RollBack { .. } | Action::Pin { .. } | Action::SetEnabled { .. } | Action::Retire { .. } => Right::Releaser,
        Action::LowerTier { .. } => Right::Operator,
        Action::ReportBuilt { .. } | Action::ReportFailed { .. } | Action::DeleteSource { .. } | Action::DeleteVersion { .. } => Right::Registry,
    }
}

/// What the registry may do beyond its own actions: ask for a compile again,
/// and for a waiver that a marker in the source wants.
const fn is_registrys_too(action: &Action) -> bool {
    matches!(action, Action::RequestCompile { .. } | Action::RequestWaiver { .. })
}

pub(super) fn is_tenant(caller: &Caller) -> bool {
    matches!(caller.authority, Authority::Tenant { .. })
}

/// Checks tenant and role.
pub(super) fn check(state: &Extension, action: &Action, caller: &Caller) -> Result<(), Refusal> {
    let needed = right(action);
    match &caller.authority {
        Authority::Tenant { tenant, roles } => {
            check_tenant(tenant, &state.tenant)?;
            let role = match needed {
                Right::Author => Role::Author,
                Right::Reviewer => Role::Reviewer,
                Right::Releaser => Role::Releaser,
                Right::Operator => return Err(Refusal::denied("this needs a platform token with scope `platform:operate`; ask an operator")),
                Right::Registry => return Err(Refusal::denied("only the registry itself records this")),
            };
            if roles.contains(&role) { Ok(()) } else { Err(lacks(role)) }
        }
        Authority::Operator if needed == Right::Operator => Ok(()),
        Authority::Operator => Err(Refusal::denied("a platform token may not do this; use a token of the extension's tenant")),
        Authority::Registry if needed == Right::Registry || is_registrys_too(action) => Ok(()),
        Authority::Registry => Err(Refusal::denied("the registry itself may not do this; a person decides it")),
    }
}

/// Checks that `caller` may read what `tenant` owns: with any role of that
/// tenant, or as an operator.
///
/// # Errors
/// Refuses without saying what exists.
pub fn check_read(tenant: &TenantId, caller: &Caller) -> Result<(), Refusal> {
    match &caller.authority {
        Authority::Tenant { tenant: own, roles } => {
            check_tenant(own, tenant)?;
            if roles.is_empty() { Err(lacks(Role::Viewer)) } else { Ok(()) }
        }
        Authority::Operator | Authority::Registry => Ok(()),
    }
}

fn check_tenant(own: &TenantId, asked: &TenantId) -> Result<(), Refusal> {
    if own == asked {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::TenantMismatch, format!("the token is for tenant `{own}`; use a token of the tenant that you mean")))
}

fn lacks(role: Role) -> Refusal {
    Refusal::denied(format!("the token lacks role `{}`; ask your tenant's administrator for it", role.as_str()))
}

impl Case<'_> {
    fn is_agent(&self) -> bool {
        is_tenant(self.caller) && self.caller.actor.actor_type == ActorType::Agent
    }

    /// An agent's hands reach up to a tier.
    pub(super) fn check_agent_tier(&self, tier: RiskTier) -> Result<(), Refusal> {
        let max = self.around.policy.agents.tier_max;
        if self.is_agent() && tier > max {
            return Err(Refusal::denied(format!("an agent may author and release up to tier {max}, this is tier {tier}; a person must do it")));
        }
        Ok(())
    }

    /// An agent changes what is served up to an environment.
    pub(super) fn check_agent_env(&self, env: Environment) -> Result<(), Refusal> {
        let max = self.around.policy.agents.env_max;
        if self.is_agent() && env > max {
            return Err(Refusal::denied(format!("an agent may change what is served up to {max}, not in {env}; a person must do it")));
        }
        Ok(())
    }
}
