//! From a principal and what a caller asked to the context of one call.
//!
//! A request never adds identity: for a tenant's token its fields must be empty
//! or equal, for a delegating service they must lie inside the grant.

use std::time::Instant;

use extensions_types::{ActorType, CallLabel, Environment, ErrorCode, ExecutionContext, RiskTier, TenantId};

use crate::{Grant, Principal, correlation::new_correlation, principal::Reach};

/// The context fields as a caller sent them; empty where it sent none.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields of ExecutionContext in runtime.proto")]
pub struct Asked<'a> {
    pub tenant_id: &'a str,
    pub org_id: &'a str,
    pub user_id: &'a str,
    /// `USER`, `AGENT`, `SYSTEM` or empty.
    pub actor_type: &'a str,
    pub session_id: &'a str,
    /// Made up when empty: a UUID of version 7.
    pub correlation_id: &'a str,
    pub env: &'a str,
    /// `low`, `medium`, `high` or empty, which is medium.
    pub risk_tier: &'a str,
    /// The calling primitive; the token's subject when empty.
    pub caller: &'a str,
    pub hook_point: &'a str,
}

/// Why a call may not run under what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ContextRefusal {
    /// BAD_REQUEST, TENANT_MISMATCH or PERMISSION_DENIED.
    pub code: ErrorCode,
    /// Public text that says what to do.
    pub message: String,
}

impl ContextRefusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// For whom a call runs, decided.
struct Whom {
    tenant: TenantId,
    org: Option<CallLabel>,
    user: CallLabel,
    actor_type: ActorType,
}

impl Principal {
    /// The context of one call at a host of `host_env`, which was accepted at `now`.
    ///
    /// # Errors
    /// - BAD_REQUEST: a field outside its grammar, another environment, or a
    ///   delegating service that names no tenant or no user.
    /// - TENANT_MISMATCH: another tenant, organisation or user than the token's.
    /// - PERMISSION_DENIED: the token may not invoke, the tenant lies outside
    ///   the grant, or `actor_type` differs from the token's (it says what
    ///   stands behind the call, not for whom it runs).
    pub fn context(&self, asked: &Asked<'_>, host_env: Environment, now: Instant) -> Result<ExecutionContext, ContextRefusal> {
        self.check_invoking()?;
        check_env(asked.env, host_env)?;
        let whom = match &self.reach {
            Reach::Tenant { tenant, org } => self.own(asked, tenant, org.as_ref())?,
            Reach::Delegate { grant: Some(grant) } => self.granted(asked, grant)?,
            Reach::Delegate { grant: None } | Reach::Platform | Reach::Worker => {
                return Err(ContextRefusal::new(ErrorCode::PermissionDenied, "the token may not invoke"));
            }
        };
        Ok(ExecutionContext {
            tenant: whom.tenant,
            org: whom.org,
            user: whom.user,
            actor_type: whom.actor_type,
            session: label("session_id", asked.session_id)?,
            correlation: label("correlation_id", asked.correlation_id)?.unwrap_or_else(|| new_correlation(now)),
            env: host_env,
            risk_ceiling: word("risk_tier", asked.risk_tier)?.unwrap_or(RiskTier::Medium),
            caller: label("caller", asked.caller)?.unwrap_or_else(|| self.subject.clone()),
            hook_point: label("hook_point", asked.hook_point)?,
        })
    }

    /// A tenant's token: the request may only repeat it.
    fn own(&self, asked: &Asked<'_>, tenant: &TenantId, org: Option<&CallLabel>) -> Result<Whom, ContextRefusal> {
        repeats("tenant_id", asked.tenant_id, || Some(tenant.as_str()))?;
        repeats("org_id", asked.org_id, || org.map(CallLabel::as_str))?;
        repeats("user_id", asked.user_id, || Some(self.subject.as_str()))?;
        let asked_actor: Option<ActorType> = word("actor_type", asked.actor_type)?;
        if asked_actor.is_some_and(|actor| actor != self.actor_type) {
            let message = "actor_type differs from the token's; leave it empty";
            return Err(ContextRefusal::new(ErrorCode::PermissionDenied, message));
        }
        Ok(Whom { tenant: tenant.clone(), org: org.cloned(), user: self.subject.clone(), actor_type: self.actor_type })
    }

    /// A delegating service: the request names, the grant bounds.
    fn granted(&self, asked: &Asked<'_>, grant: &Grant) -> Result<Whom, ContextRefusal> {
        if asked.tenant_id.is_empty() {
            return Err(missing("tenant_id"));
        }
        let tenant = TenantId::parse(asked.tenant_id).map_err(|error| bad("tenant_id", &error))?;
        if !grant.covers_tenant(&tenant) {
            let message = "tenant_id lies outside the delegation grant of this service";
            return Err(ContextRefusal::new(ErrorCode::PermissionDenied, message));
        }
        Ok(Whom {
            tenant,
            org: label("org_id", asked.org_id)?,
            user: label("user_id", asked.user_id)?.ok_or_else(|| missing("user_id"))?,
            actor_type: word("actor_type", asked.actor_type)?.unwrap_or(self.actor_type),
        })
    }
}

fn check_env(asked: &str, host: Environment) -> Result<(), ContextRefusal> {
    match word::<Environment>("env", asked)? {
        Some(env) if env != host => {
            Err(ContextRefusal::new(ErrorCode::BadRequest, format!("env is `{env}`, but this host serves `{host}`; call a host of `{env}`")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a field is empty or repeats what the token says.
fn repeats<'o>(field: &'static str, asked: &str, own: impl FnOnce() -> Option<&'o str>) -> Result<(), ContextRefusal> {
    if asked.is_empty() || own() == Some(asked) {
        return Ok(());
    }
    label(field, asked)?;
    Err(ContextRefusal::new(ErrorCode::TenantMismatch, format!("{field} differs from the token's; leave it empty or use a token for it")))
}

fn label(field: &'static str, text: &str) -> Result<Option<CallLabel>, ContextRefusal> {
    if text.is_empty() { Ok(None) } else { CallLabel::parse(text).map(Some).map_err(|error| bad(field, &error)) }
}

fn word<T>(field: &'static str, text: &str) -> Result<Option<T>, ContextRefusal>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|error| bad(field, &error)) }
}

fn bad(field: &'static str, error: &dyn std::fmt::Display) -> ContextRefusal {
    ContextRefusal::new(ErrorCode::BadRequest, format!("{field}: {error}"))
}

fn missing(field: &'static str) -> ContextRefusal {
    ContextRefusal::new(ErrorCode::BadRequest, format!("a delegating service must name {field} in each call"))
}
