//! The steps of one call, in their order.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use extensions_catalog::{CatalogStatus, Catalogs, Found, Hook, Missing, NotServed, Off, ServedVersion, Unread, find, resolve};
use extensions_engine::{Call, DenyAll, Engine, HostCalls};
use extensions_fair::Nobody;
use extensions_identity::{Asked, Principal, Role, Scope, Verifier};
use extensions_modules::{Modules, NotLoaded};
use extensions_types::{Environment, ErrorCode, ExecutionContext, ExtensionDefinition, ExtensionId, Kind, TenantId, VersionSelector};

use crate::{Answer, GuestLogs, LocalSwitches, LogRecord, Refusal, Request, orders::AllSwitches};

/// One list answer holds at most this many extensions.
const LIST_MAX: usize = 1_000;
/// When a caller may try again that met a full lane.
const OVERLOAD_RETRY: Duration = Duration::from_millis(100);
/// When a caller may try again whose version is being read or compiled.
const LOADING_RETRY: Duration = Duration::from_millis(500);

/// Everything that stands between a transport and the engine.
#[derive(Debug)]
pub struct Admission {
    verifier: Arc<Verifier>,
    /// Catalogs with their switches, and those of this host alone.
    pub(crate) switches: AllSwitches,
    modules: Arc<Modules>,
    engine: Arc<Engine>,
    host_calls: Arc<dyn HostCalls>,
    guest_logs: Arc<GuestLogs>,
}

impl Admission {
    /// Admission for the host of `catalogs`, with `local` switches of its own;
    /// `engine` obeys both from now on.
    #[must_use]
    pub fn new(
        verifier: Arc<Verifier>,
        catalogs: Catalogs,
        local: LocalSwitches,
        modules: Arc<Modules>,
        engine: Arc<Engine>,
        guest_logs: Arc<GuestLogs>,
    ) -> Self {
        let switches = AllSwitches { catalogs, local: Arc::new(local) };
        engine.obey(Arc::new(switches.clone()));
        Self { verifier, switches, modules, engine, host_calls: Arc::new(DenyAll), guest_logs }
    }

    fn catalogs(&self) -> &Catalogs {
        &self.switches.catalogs
    }

    /// Verifies a bearer token.
    ///
    /// # Errors
    /// UNAUTHENTICATED, or PERMISSION_DENIED for a genuine token that claims too
    /// much or too little; the reason names no other tenant and no key.
    pub fn authenticate(&self, token: Option<&str>) -> Result<Arc<Principal>, Refusal> {
        let missing = || Refusal::new(ErrorCode::Unauthenticated, "send a token: `authorization: Bearer …`");
        let token = token.ok_or_else(missing)?;
        self.verifier.verify(token, SystemTime::now()).map_err(|error| Refusal::new(error.code(), error.to_string()))
    }

    /// Whether the principal may use admin routes.
    ///
    /// # Errors
    /// PERMISSION_DENIED without scope `platform:operate`.
    pub fn authorize_admin(&self, principal: &Principal) -> Result<(), Refusal> {
        if principal.has_scope(Scope::Operate) {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::PermissionDenied, "admin routes need a token with scope platform:operate"))
    }

    /// Runs one extension once.
    ///
    /// # Errors
    /// Whatever the platform refuses; the extension's own failures are answers.
    pub async fn invoke(&self, principal: &Principal, request: Request) -> Result<Answer, Refusal> {
        let context = self.context(principal, &request)?;
        let correlation = context.correlation.clone();
        let result = self.admitted(principal, request, context).await;
        result.map_err(|refusal| {
            tracing::info!(correlation_id = %correlation, error_code = %refusal.code, reason = refusal.message, "refused");
            Refusal { correlation: Some(correlation), ..refusal }
        })
    }

    async fn admitted(&self, principal: &Principal, request: Request, context: ExecutionContext) -> Result<Answer, Refusal> {
        let deadline = request.timeout.map(|timeout| request.accepted + timeout);
        let version = self.resolve(&request, &context, deadline).await?;
        self.check_switches(&context, &version)?;
        permit(principal, &context, &version.definition)?;
        let input_bytes_max = version.definition.limits.input_bytes;
        if request.input.len() > input_bytes_max as usize {
            return Err(Refusal::new(ErrorCode::InputTooLarge, format!("the input is larger than the extension's {input_bytes_max} bytes")));
        }
        let extension = self.modules.get(&version, deadline).await.map_err(|error| not_loaded(&error, deadline))?;
        // Its load may have taken seconds: what was switched off meanwhile does not start.
        self.check_switches(&context, &version)?;
        let correlation = context.correlation.clone();
        let call = Call {
            context: Arc::new(context),
            input: request.input,
            accepted: request.accepted,
            deadline,
            host_calls: Arc::clone(&self.host_calls),
            payer: Arc::new(Nobody),
        };
        let outcome = self.engine.invoke(&extension, call).await;
        match outcome.result {
            Err(failure) if !failure.code.is_outcome() => {
                let retry_after = (failure.code == ErrorCode::Overloaded).then_some(OVERLOAD_RETRY);
                Err(Refusal { retry_after, ..Refusal::new(failure.code, failure.message) })
            }
            result => Ok(Answer { result, served_version: version.definition.version, correlation, stats: outcome.stats }),
        }
    }

    fn context(&self, principal: &Principal, request: &Request) -> Result<ExecutionContext, Refusal> {
        let asked = &request.context;
        let asked = Asked {
            tenant_id: &asked.tenant_id,
            org_id: &asked.org_id,
            user_id: &asked.user_id,
            actor_type: &asked.actor_type,
            session_id: &asked.session_id,
            correlation_id: &asked.correlation_id,
            env: &asked.env,
            risk_tier: &asked.risk_tier,
            caller: &request.caller,
            hook_point: &request.hook_point,
        };
        principal.context(&asked, self.catalogs().meant(asked.env)).map_err(|refusal| {
            tracing::info!(who = %principal.audit(), error_code = %refusal.code, reason = refusal.message, "refused");
            Refusal::new(refusal.code, refusal.message)
        })
    }

    async fn resolve(&self, request: &Request, context: &ExecutionContext, deadline: Option<Instant>) -> Result<Arc<ServedVersion>, Refusal> {
        let bad = |error: extensions_types::IdError| Refusal::new(ErrorCode::BadRequest, error.to_string());
        let id = ExtensionId::parse(&request.extension_id).map_err(bad)?;
        let selector: VersionSelector = request.version.parse().map_err(bad)?;
        let catalog = self.catalogs().get(context.env).ok_or_else(|| not_found(&id, context.env))?;
        let entry = find(&**catalog, &context.tenant, &id, deadline).await.map_err(|missing| not_there(&missing, &id, context.env, deadline))?;
        let hook = Hook { caller: &context.caller, point: context.hook_point.as_ref() };
        let version = resolve(&entry, selector, hook).map_err(|error| {
            let code = match error {
                NotServed::Disabled => ErrorCode::Disabled,
                NotServed::NotListed { .. } => ErrorCode::NotPromoted,
            };
            Refusal::new(code, error.to_string())
        })?;
        Ok(Arc::clone(version))
    }

    fn check_switches(&self, context: &ExecutionContext, version: &ServedVersion) -> Result<(), Refusal> {
        let off = self.switches.forced_off(context.env, &version.definition);
        match off {
            None => Ok(()),
            Some(Off::Unknown) => Err(Refusal { retry_after: Some(LOADING_RETRY), ..Refusal::new(ErrorCode::Unavailable, Off::Unknown.to_string()) }),
            Some(off) => Err(Refusal::new(ErrorCode::Disabled, off.to_string())),
        }
    }

    /// What this host serves to the principal's tenant, ordered by id.
    ///
    /// # Errors
    /// PERMISSION_DENIED for a token without a tenant, UNAVAILABLE while what is served cannot be read.
    pub async fn list(&self, principal: &Principal, kind: Option<Kind>) -> Result<Vec<Arc<ExtensionDefinition>>, Refusal> {
        let tenant = self.own_tenant(principal)?;
        let may_list = principal.has_scope(Scope::Invoke) || principal.has_role(Role::Viewer);
        if !may_list {
            return Err(Refusal::new(ErrorCode::PermissionDenied, "listing needs scope invoke or role viewer"));
        }
        let listed = self
            .catalogs()
            .list(tenant, kind, LIST_MAX, None)
            .await
            .map_err(|missing| Refusal { retry_after: Some(LOADING_RETRY), ..Refusal::new(ErrorCode::Unavailable, missing.to_string()) })?;
        let answering = |version: &&Arc<ServedVersion>| self.switches.local.forced_off(&version.definition).is_none();
        Ok(listed.iter().filter(answering).map(|version| Arc::clone(&version.definition)).collect())
    }

    /// The oldest `max` log records of an extension after `after`.
    ///
    /// # Errors
    /// PERMISSION_DENIED without role viewer, NOT_FOUND for an unknown extension.
    pub fn logs(&self, principal: &Principal, extension: &str, after: u64, max: usize) -> Result<Vec<LogRecord>, Refusal> {
        let tenant = self.own_tenant(principal)?;
        if !principal.has_role(Role::Viewer) {
            return Err(Refusal::new(ErrorCode::PermissionDenied, "reading logs needs role viewer"));
        }
        let id = ExtensionId::parse(extension).map_err(|error| Refusal::new(ErrorCode::BadRequest, error.to_string()))?;
        let is_known = self.catalogs().iter().any(|(_, catalog)| !matches!(catalog.entry(tenant, &id), Found::Nothing));
        if !is_known {
            return Err(not_found(&id, self.catalogs().own()));
        }
        Ok(self.guest_logs.read(tenant, &id, after, max))
    }

    fn own_tenant<'p>(&self, principal: &'p Principal) -> Result<&'p TenantId, Refusal> {
        principal.tenant().ok_or_else(|| Refusal::new(ErrorCode::PermissionDenied, "this needs a token of the tenant"))
    }

    /// Whether calls can be answered.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.catalogs().ready()
    }

    /// For operators: where each environment's catalog stands.
    #[must_use]
    pub fn status(&self) -> Vec<(Environment, CatalogStatus)> {
        self.catalogs().status()
    }
}

fn not_found(id: &ExtensionId, env: Environment) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("the tenant has no extension `{id}` in {env}; `ext list` shows what it has"))
}

/// An entry that could not be had, as its caller sees it.
fn not_there(missing: &Missing, id: &ExtensionId, env: Environment, deadline: Option<Instant>) -> Refusal {
    let (code, retry_after) = match missing {
        Missing::Nothing => return not_found(id, env),
        Missing::Reading if deadline.is_some_and(|deadline| Instant::now() >= deadline) => (ErrorCode::Deadline, None),
        Missing::Reading | Missing::Unread(Unread::Unavailable) => (ErrorCode::Unavailable, Some(LOADING_RETRY)),
        Missing::Unread(Unread::Damaged) => (ErrorCode::ArtifactCorrupt, None),
    };
    Refusal { retry_after, ..Refusal::new(code, missing.to_string()) }
}

fn permit(principal: &Principal, context: &ExecutionContext, definition: &ExtensionDefinition) -> Result<(), Refusal> {
    if !principal.may_invoke(definition.kind) {
        return Err(Refusal::new(ErrorCode::PermissionDenied, format!("the service's grant does not cover a {}", definition.kind)));
    }
    if definition.risk_tier > context.risk_ceiling {
        let text =
            format!("the extension's risk tier is {}, the caller accepts {} at most (ctx.risk_tier)", definition.risk_tier, context.risk_ceiling);
        return Err(Refusal::new(ErrorCode::PermissionDenied, text));
    }
    Ok(())
}

fn not_loaded(error: &NotLoaded, deadline: Option<Instant>) -> Refusal {
    let (code, retry_after) = match error {
        NotLoaded::Loading if deadline.is_some_and(|deadline| Instant::now() >= deadline) => (ErrorCode::Deadline, None),
        NotLoaded::Loading | NotLoaded::Unavailable => (ErrorCode::Unavailable, Some(LOADING_RETRY)),
        NotLoaded::Busy => (ErrorCode::Overloaded, Some(OVERLOAD_RETRY)),
        NotLoaded::Corrupt | NotLoaded::Refused(_) => (ErrorCode::ArtifactCorrupt, None),
        NotLoaded::Internal => (ErrorCode::Internal, None),
    };
    Refusal { retry_after, ..Refusal::new(code, error.to_string()) }
}
