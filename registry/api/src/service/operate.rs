//! What operators of the platform do: erasure, upkeep.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin};

use extensions_proto::v1;
use extensions_registry_core::{Actor, bounds};
use extensions_types::{Refusal, TenantId};

use super::{Named, Service, parse, refuse::unavailable};
use crate::{Call, call::bad};

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
    /// Erases a tenant.
    ///
    /// # Errors
    /// Refuses by name.
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
    ///
    /// # Errors
    /// Refuses by name.
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
