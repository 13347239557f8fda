//! The context of a developer's own runs, and what a case changes in it.

use extensions_types::{ActorType, CallLabel, Environment, ExecutionContext, IdError, RiskTier, TenantId, UnknownWord};

use crate::case::ContextFields;

/// A context field that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// An id outside its grammar.
    #[error("context.{field}: {source}")]
    Id {
        /// The field.
        field: &'static str,
        /// Why.
        source: IdError,
    },
    /// A word outside its set.
    #[error("context.{field}: {source}")]
    Word {
        /// The field.
        field: &'static str,
        /// Why.
        source: UnknownWord,
    },
}

/// Someone at their own machine, in dev, who accepts every tier.
#[must_use]
pub fn developer(tenant: &TenantId) -> ExecutionContext {
    let label = |text| CallLabel::parse(text).expect("a constant of the grammar");
    ExecutionContext {
        tenant: tenant.clone(),
        org: None,
        user: label("developer"),
        actor_type: ActorType::User,
        session: None,
        correlation: label("local"),
        env: Environment::Dev,
        risk_ceiling: RiskTier::High,
        caller: label("ext"),
        hook_point: None,
    }
}

/// The developer's context with what a case sets.
pub(crate) fn of_case(tenant: &TenantId, fields: &ContextFields, point: Option<&CallLabel>) -> Result<ExecutionContext, ContextError> {
    let label = |field, text: &Option<String>| text.as_deref().map(CallLabel::parse).transpose().map_err(|source| ContextError::Id { field, source });
    let mut context = developer(tenant);
    if let Some(tenant) = &fields.tenant_id {
        context.tenant = tenant.parse().map_err(|source| ContextError::Id { field: "tenant_id", source })?;
    }
    if let Some(actor) = &fields.actor_type {
        context.actor_type = actor.parse().map_err(|source| ContextError::Word { field: "actor_type", source })?;
    }
    if let Some(env) = &fields.env {
        context.env = env.parse().map_err(|source| ContextError::Word { field: "env", source })?;
    }
    context.org = label("org_id", &fields.org_id)?;
    context.session = label("session_id", &fields.session_id)?;
    context.user = label("user_id", &fields.user_id)?.unwrap_or(context.user);
    context.correlation = label("correlation_id", &fields.correlation_id)?.unwrap_or(context.correlation);
    context.hook_point = point.cloned();
    Ok(context)
}
