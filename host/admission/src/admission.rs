//! One request from a verified caller to its answer: the order of the steps.

use std::sync::Arc;

use extensions_breakers::Breakers;
use extensions_catalog::Catalogs;
use extensions_engine::{DenyAll, Engine, HostCalls, Outcome};
use extensions_identity::{Asked, Channel, Principal, Scope, Verifier};
use extensions_modules::Modules;
use extensions_quota::Quotas;
use extensions_types::{ErrorCode, ExecutionContext};
use prometheus_client::registry::Registry;

use crate::{
    Accounts, Answer, GuestLogs, LocalSwitches, Refusal, Request,
    circuits::Circuits,
    fall_back::answer,
    fallbacks::Fallbacks,
    orders::AllSwitches,
    underway::{Fault, Stopped, Underway},
};

/// What admission is put together from.
#[derive(Debug)]
#[allow(missing_docs, reason = "each is what its type says")]
pub struct Parts {
    pub verifier: Arc<Verifier>,
    pub catalogs: Catalogs,
    /// Switches of this host alone.
    pub local: LocalSwitches,
    pub breakers: Arc<Breakers>,
    pub quotas: Arc<Quotas>,
    pub modules: Arc<Modules>,
    /// Obeys the switches from now on.
    pub engine: Arc<Engine>,
    pub accounts: Arc<Accounts>,
    pub guest_logs: Arc<GuestLogs>,
}

/// Everything that stands between a transport and the engine.
#[derive(Debug)]
pub struct Admission {
    verifier: Arc<Verifier>,
    /// Catalogs with their switches, and those of this host alone.
    pub(crate) switches: AllSwitches,
    pub(crate) circuits: Circuits,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) modules: Arc<Modules>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) host_calls: Arc<dyn HostCalls>,
    pub(crate) fallbacks: Fallbacks,
    accounts: Arc<Accounts>,
    pub(crate) guest_logs: Arc<GuestLogs>,
}

impl Admission {
    /// Admission for the host of `parts`, counted in `metrics`.
    #[must_use]
    pub fn new(parts: Parts, metrics: &mut Registry) -> Self {
        let Parts { verifier, catalogs, local, breakers, quotas, modules, engine, accounts, guest_logs } = parts;
        let switches = AllSwitches { catalogs, local: Arc::new(local) };
        engine.obey(Arc::new(switches.clone()));
        Self {
            verifier,
            switches,
            circuits: Circuits::new(breakers, metrics),
            quotas,
            modules,
            engine,
            host_calls: Arc::new(DenyAll),
            fallbacks: Fallbacks::new(metrics),
            accounts,
            guest_logs,
        }
    }

    pub(crate) fn catalogs(&self) -> &Catalogs {
        &self.switches.catalogs
    }

    /// Verifies a bearer token.
    ///
    /// # Errors
    /// UNAUTHENTICATED, or PERMISSION_DENIED for a genuine token that claims too
    /// much or too little; the reason names no other tenant and no key.
    pub async fn authenticate(&self, channel: &Channel, token: Option<&str>) -> Result<Arc<Principal>, Refusal> {
        let missing = || Refusal::new(ErrorCode::Unauthenticated, "send a token: `authorization: Bearer …`");
        let token = token.ok_or_else(missing)?;
        let verified = self.verifier.verify_soon(channel, token).await;
        verified.map_err(|error| Refusal { retry_after: error.retry_after(), ..Refusal::new(error.code(), error.to_string()) })
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

    /// Answers one request: context → version → attempt → failure contract.
    ///
    /// # Errors
    /// Whatever the platform refuses; the extension's own failures are answers.
    pub async fn invoke(&self, principal: &Principal, request: Request) -> Result<Answer, Refusal> {
        let context = Arc::new(self.context(principal, &request)?);
        let account = self.accounts.open(Arc::clone(&context));
        let call = Underway {
            principal,
            context,
            extension: &request.extension_id,
            input: request.input,
            accepted: request.accepted,
            deadline: request.timeout.map(|timeout| request.accepted + timeout),
            account,
        };
        let answered = if call.is_late() { Err(too_late(&call)) } else { self.answer(&call, &request.version).await };
        answered.map_err(|refusal| Refusal { correlation: Some(call.context.correlation.clone()), ..refusal })
    }

    async fn answer(&self, call: &Underway<'_>, selector: &str) -> Result<Answer, Refusal> {
        let (found, fault) = match self.resolve(call, selector).await {
            Ok(found) => {
                call.account.resolved(&found.version.definition);
                match self.attempt(call, &found.version).await {
                    Ok(outcome) if is_final(&outcome) => return Ok(answer(call, &found.version.definition, outcome)),
                    Ok(outcome) => (found, Fault::Failed(outcome)),
                    Err(stopped) => (found, Fault::Stopped(stopped)),
                }
            }
            Err(unresolved) => {
                call.account.refused(call.extension, &unresolved.refusal, None);
                let Some(found) = unresolved.contract else { return Err(unresolved.refusal) };
                (found, Fault::Stopped(Stopped::from(unresolved.refusal)))
            }
        };
        // Seldom, and with another attempt in it: not part of what every call carries.
        Box::pin(self.fall_back(call, &found, fault)).await
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
            let refusal = Refusal::new(refusal.code, refusal.message);
            self.accounts.refused_unknown(Some(principal.audit().to_string()), &refusal);
            refusal
        })
    }
}

/// Whether no contract has a say: an answer, or a rejection, which is one.
fn is_final(outcome: &Outcome) -> bool {
    outcome.result.as_ref().err().is_none_or(|failure| failure.code.cause().is_none())
}

/// Nobody waits for the answer any more: nothing is looked up for it.
fn too_late(call: &Underway<'_>) -> Refusal {
    let refusal = Refusal::new(ErrorCode::Deadline, "the caller's time was over before the call began");
    call.account.refused(call.extension, &refusal, None);
    refusal
}
