//! Who asks for what: one request, authenticated, before its body is read.

use std::sync::Arc;

use extensions_identity::{Principal, Role as TokenRole, Scope};
use extensions_registry_core::{Actor, Authority, Caller, Role};
use extensions_types::{CallLabel, ErrorCode, ExtensionId, Refusal, TenantId};

/// One request's caller.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who, verified.
    pub principal: Arc<Principal>,
    /// From where: the peer's address.
    pub from: Arc<str>,
    /// Given or made up.
    pub correlation: CallLabel,
}

/// What a request is about: whose extension, and by what right it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) tenant: TenantId,
    pub(crate) extension: ExtensionId,
    pub(crate) caller: Caller,
}

impl Call {
    /// The caller as the lifecycle knows it.
    pub(crate) fn caller(&self) -> Result<Caller, Refusal> {
        let principal = &self.principal;
        let actor = Actor {
            iss: principal.issuer().to_owned(),
            sub: principal.subject().clone(),
            actor_type: principal.actor_type(),
            act: principal.actors().to_vec(),
        };
        let authority = match principal.tenant() {
            // A platform token has no part in any tenant's lifecycle, whatever tenant it names.
            _ if principal.has_scope(Scope::Operate) => Authority::Operator,
            Some(tenant) => {
                let roles = TokenRole::ALL.iter().filter(|role| principal.has_role(**role)).map(|role| role_of(*role)).collect();
                Authority::Tenant { tenant: tenant.clone(), roles }
            }
            None if principal.is_worker() => return Err(denied("a compile worker's token may take jobs and nothing else")),
            None => return Err(denied("a delegating token may not use the registry; use a token of the tenant")),
        };
        Ok(Caller { actor, authority })
    }

    /// The tenant that a request is for: the token's own, or the one that an operator names.
    pub(crate) fn tenant(&self, caller: &Caller, named: &str) -> Result<TenantId, Refusal> {
        match &caller.authority {
            Authority::Tenant { tenant, .. } if named.is_empty() || named == tenant.as_str() => Ok(tenant.clone()),
            Authority::Tenant { .. } => {
                let named = TenantId::parse(named).map_err(|error| bad("tenant_id", &error))?;
                Err(Refusal::new(
                    ErrorCode::TenantMismatch,
                    format!("the token is not for tenant `{named}`; use a token of the tenant that you mean"),
                ))
            }
            Authority::Operator | Authority::Registry if named.is_empty() => {
                Err(bad("tenant_id", &"a platform token names the tenant that it means"))
            }
            Authority::Operator | Authority::Registry => TenantId::parse(named).map_err(|error| bad("tenant_id", &error)),
        }
    }

    /// Tenant and extension of a request.
    pub(crate) fn target(&self, tenant: &str, extension: &str) -> Result<Target, Refusal> {
        let caller = self.caller()?;
        let tenant = self.tenant(&caller, tenant)?;
        let extension = ExtensionId::parse(extension).map_err(|error| bad("extension_id", &error))?;
        Ok(Target { tenant, extension, caller })
    }

    /// The caller, who must be an operator of the platform.
    pub(crate) fn operator(&self) -> Result<Caller, Refusal> {
        let caller = self.caller()?;
        match caller.authority {
            Authority::Operator => Ok(caller),
            Authority::Tenant { .. } | Authority::Registry => {
                Err(denied("this needs a platform token with scope `platform:operate`; ask an operator"))
            }
        }
    }
}

impl Call {
    /// Who the worker is, for markers and job tokens: the caller must be one.
    pub(crate) fn worker(&self) -> Result<String, Refusal> {
        if self.principal.is_worker() {
            return Ok(self.principal.audit().to_string());
        }
        Err(denied("this needs a compile worker's token: scope `compile`, no tenant"))
    }
}

const fn role_of(role: TokenRole) -> Role {
    match role {
        TokenRole::Author => Role::Author,
        TokenRole::Reviewer => Role::Reviewer,
        TokenRole::Releaser => Role::Releaser,
        TokenRole::Viewer => Role::Viewer,
    }
}

/// A field outside its grammar.
pub(crate) fn bad(field: &str, problem: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::BadRequest, format!("{field}: {problem}"))
}

pub(crate) fn denied(message: &str) -> Refusal {
    Refusal::new(ErrorCode::PermissionDenied, message)
}
