//! What operators of the platform do: switches, erasure, upkeep.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin};

use extensions_proto::v1;
use extensions_registry_core::{Actor, Command, bounds, control::ControlAction};
use extensions_types::{ControlSource, Refusal, TenantId};
use tokio::time::timeout;

use super::{NOTIFY_WAIT, Named, Service, parse, refusal, refuse::unavailable};
use crate::{
    Call,
    call::bad,
    view::{ControlChanged, ControlView},
};

/// A reason may be this long, as in every command.
const WHY_BYTES_MAX: usize = bounds::WHY_BYTES_MAX;

/// A task of upkeep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpkeepTask {
    /// Removes what is past its time.
    Retention,
    /// Removes what nothing references.
    Garbage,
    /// Derives heads and entries anew.
    Rebuild,
}

/// What upkeep found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct UpkeepReport {
    /// Counts by name.
    pub counts: BTreeMap<String, u64>,
    /// What is missing or wrong, one line each.
    pub problems: Vec<String>,
}

/// Problems that an answer names; the log has them all.
const PROBLEMS_MAX: usize = 1_000;

/// Erasure and upkeep, as the composition provides them.
pub trait Operations: Send + Sync + fmt::Debug {
    /// Erases a tenant for good, or counts what that would remove.
    fn erase(
        &self,
        tenant: TenantId,
        by: Actor,
        why: String,
        dry_run: bool,
    ) -> Pin<Box<dyn Future<Output = Result<UpkeepReport, Refusal>> + Send + '_>>;

    /// Runs a task, for one tenant or for all.
    fn run(
        &self,
        task: UpkeepTask,
        tenant: Option<TenantId>,
        dry_run: bool,
    ) -> Pin<Box<dyn Future<Output = Result<UpkeepReport, Refusal>> + Send + '_>>;
}

impl Service {
    /// The switches of an environment.
    ///
    /// # Errors
    /// Refuses by name; so does every method here.
    pub async fn get_control(&self, call: &Call, request: v1::GetControlRequest) -> Result<ControlView, Refusal> {
        self.audited(call, Named { operation: "GetControl", tenant: "", on: &request.env }, async {
            call.operator()?;
            let env = parse::environment("env", &request.env)?;
            let state = self.ledger().control(env).await.map_err(|error| refusal(&error))?;
            Ok(state.state.into())
        })
        .await
    }

    /// Switches something off or on.
    #[allow(clippy::missing_errors_doc, reason = "as get_control")]
    pub async fn change_control(&self, call: &Call, request: v1::ChangeControlRequest) -> Result<ControlChanged, Refusal> {
        let env = request.env.clone();
        self.audited(call, Named { operation: "ChangeControl", tenant: "", on: &env }, async {
            let caller = call.operator()?;
            let env = parse::environment("env", &request.env)?;
            let (target, source) = (parse::switch_target(request.target)?, ControlSource::Operator);
            let action = if request.off { ControlAction::force_off(target, source) } else { ControlAction::Lift { target, source } };
            let id = parse::key(&request.idempotency_key)?;
            let command = Command { id, expected_seq: request.expected_seq, why: request.why, from: Some(call.from.to_string()), action };
            let outcome = self.ledger().change_control(env, &command, &caller).await.map_err(|error| refusal(&error))?;
            if timeout(NOTIFY_WAIT, self.inner.parts.notify.control_changed(env, outcome.seq)).await.is_err() {
                tracing::warn!(%env, seq = outcome.seq, "a change of control was stored, but was not taken up in time");
            }
            Ok(ControlChanged { seq: outcome.seq, changed: outcome.changed })
        })
        .await
    }

    /// Erases a tenant.
    #[allow(clippy::missing_errors_doc, reason = "as get_control")]
    pub async fn erase_tenant(&self, call: &Call, request: v1::EraseTenantRequest) -> Result<UpkeepReport, Refusal> {
        self.audited(call, Named { operation: "EraseTenant", tenant: &request.tenant_id, on: "" }, async {
            let caller = call.operator()?;
            let tenant = parse::tenant(&request.tenant_id)?;
            let why = reason(&request.why)?;
            let report = self.operations()?.erase(tenant.clone(), caller.actor, why.to_owned(), request.dry_run).await?;
            if !request.dry_run {
                tracing::info!(target: "audit", who = %call.principal.audit(), from = &*call.from, %tenant, why, correlation_id = %call.correlation, "erased");
            }
            Ok(report.bounded())
        })
        .await
    }

    /// Runs a task of upkeep.
    #[allow(clippy::missing_errors_doc, reason = "as get_control")]
    pub async fn run_upkeep(&self, call: &Call, request: v1::RunUpkeepRequest) -> Result<UpkeepReport, Refusal> {
        self.audited(call, Named { operation: "RunUpkeep", tenant: &request.tenant_id, on: "" }, async {
            call.operator()?;
            let task = match v1::UpkeepTask::try_from(request.task) {
                Ok(v1::UpkeepTask::Retention) => UpkeepTask::Retention,
                Ok(v1::UpkeepTask::Garbage) => UpkeepTask::Garbage,
                Ok(v1::UpkeepTask::Rebuild) => UpkeepTask::Rebuild,
                Ok(v1::UpkeepTask::Unspecified) | Err(_) => return Err(bad("task", &"it must be retention, garbage or rebuild")),
            };
            let tenant = (!request.tenant_id.is_empty()).then(|| parse::tenant(&request.tenant_id)).transpose()?;
            if !request.dry_run {
                tracing::info!(target: "audit", who = %call.principal.audit(), from = &*call.from, ?task, ?tenant, why = request.why, correlation_id = %call.correlation, "upkeep");
            }
            Ok(self.operations()?.run(task, tenant, request.dry_run).await?.bounded())
        })
        .await
    }

    fn operations(&self) -> Result<&dyn Operations, Refusal> {
        self.inner.parts.operations.as_deref().ok_or_else(|| unavailable("this registry does no upkeep; run it on a standalone extensions-registry"))
    }
}

impl UpkeepReport {
    fn bounded(mut self) -> Self {
        self.problems.truncate(PROBLEMS_MAX);
        self
    }
}

/// A reason is asked for where nothing can be undone.
fn reason(why: &str) -> Result<&str, Refusal> {
    if why.trim().is_empty() {
        return Err(bad("why", &"say why: this cannot be undone"));
    }
    if why.len() > WHY_BYTES_MAX {
        return Err(bad("why", &format_args!("it has {} bytes, at most {WHY_BYTES_MAX} are kept; shorten it", why.len())));
    }
    Ok(why)
}
