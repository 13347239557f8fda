//! One request from a verified caller to its answer: the order of the steps.

use std::sync::Arc;

use extensions_breakers::Breakers;
use extensions_catalog::Catalogs;
use extensions_engine::{Engine, Outcome};
use extensions_identity::{Channel, Principal, Scope, Verifier};
use extensions_modules::Modules;
use extensions_quota::Quotas;
use extensions_types::ErrorCode;
use prometheus_client::registry::Registry;

use crate::{
    Accounts, Answer, GuestLogs, LocalSwitches, Refusal, Request,
    circuits::Circuits,
    fall_back::answer,
    fallbacks::Fallbacks,
    orders::AllSwitches,
    prepared::of_call,
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
    pub(crate) fallbacks: Fallbacks,
    pub(crate) accounts: Arc<Accounts>,
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
    pub async fn invoke(&self, principal: &Principal, request: Request<'_>) -> Result<Answer, Refusal> {
        let Request { asked, input } = request;
        let (context, is_named) = (self.context(principal, &asked)?, !asked.context.correlation_id.is_empty());
        let account = if is_named { self.accounts.open(context) } else { self.accounts.open_unnamed(context) };
        let prepared = self.prepare(principal, &asked, &account).await?;
        self.answer(Underway { accepted: asked.accepted, input, account, request: &prepared }).await
    }

    /// Answers one input of a request that is prepared.
    pub(crate) async fn answer(&self, call: Underway<'_>) -> Result<Answer, Refusal> {
        let answered = self.answer_or_refuse(&call).await;
        answered.map_err(|refusal| of_call(refusal, call.context()))
    }

    async fn answer_or_refuse(&self, call: &Underway<'_>) -> Result<Answer, Refusal> {
        let found = &call.request.found;
        let fault = match &call.request.unserved {
            Some(refusal) => {
                call.account.refused(call.request.extension, refusal, None);
                Fault::Stopped(Stopped::from(refusal.clone()))
            }
            None => {
                call.account.resolved(&found.version.definition);
                match self.attempt(call, &found.version).await {
                    Ok(outcome) if is_final(&outcome) => return Ok(answer(call, &found.version.definition, outcome)),
                    Ok(outcome) => Fault::Failed(outcome),
                    Err(stopped) => Fault::Stopped(stopped),
                }
            }
        };
        // Seldom, and with another attempt in it: not part of what every call carries.
        Box::pin(self.fall_back(call, found, fault)).await
    }
}

/// Whether no contract has a say: an answer, or a rejection, which is one.
fn is_final(outcome: &Outcome) -> bool {
    outcome.result.as_ref().err().is_none_or(|failure| failure.code.cause().is_none())
}
