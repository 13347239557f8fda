//! Erasure and upkeep, as the API asks for them.

use std::{future::Future, path::PathBuf, pin::Pin};

use extensions_artifact::Store;
use extensions_registry_api::{Operations, UpkeepReport, UpkeepTask};
use extensions_registry_core::Actor;
use extensions_registry_upkeep::{Erasure, Upkeep, UpkeepError, unwatched};
use extensions_types::with_causes;
use extensions_types::{ErrorCode, Refusal, TenantId};
use serde::Serialize;
use serde_json::Value;

type Report<'a> = Pin<Box<dyn Future<Output = Result<UpkeepReport, Refusal>> + Send + 'a>>;

/// Upkeep with the backups and logs that it reaches.
#[derive(Debug)]
pub(crate) struct UpkeepOperations {
    pub(crate) upkeep: Upkeep,
    pub(crate) backups: Vec<Store>,
    pub(crate) audit_dir: Option<PathBuf>,
}

impl Operations for UpkeepOperations {
    fn erase(&self, tenant: TenantId, by: Actor, why: String, dry_run: bool) -> Report<'_> {
        Box::pin(async move {
            let erasure = Erasure { tenant, by, why, dry_run };
            let report = self.upkeep.erase(&erasure, &self.backups, &unwatched).await.map_err(|error| failed(&error))?;
            let unsettled = !dry_run && !report.complete();
            let mut flat = flatten(&report);
            if unsettled {
                flat.problems.push("commands of the tenant were still under way; run it again".to_owned());
            }
            Ok(flat)
        })
    }

    fn run(&self, task: UpkeepTask, tenant: Option<TenantId>, dry_run: bool) -> Report<'_> {
        Box::pin(async move {
            let done = match task {
                UpkeepTask::Retention => self.retain(tenant, dry_run).await,
                UpkeepTask::Garbage if tenant.is_some() => {
                    return Err(Refusal::new(ErrorCode::BadRequest, "tenant_id: garbage is collected for all tenants at once; leave it empty"));
                }
                UpkeepTask::Garbage => self.collect(dry_run).await,
                UpkeepTask::Rebuild if dry_run => {
                    return Err(Refusal::new(ErrorCode::BadRequest, "dry_run: a rebuild writes nothing but what follows from events; run it"));
                }
                UpkeepTask::Rebuild => self.upkeep.rebuild(tenant.as_ref(), &unwatched).await.map(|report| flatten(&report)),
            };
            done.map_err(|error| failed(&error))
        })
    }
}

impl UpkeepOperations {
    async fn retain(&self, tenant: Option<TenantId>, dry_run: bool) -> Result<UpkeepReport, UpkeepError> {
        let mut report = self.upkeep.retain(tenant.as_ref(), dry_run, &unwatched).await?;
        // Logs belong to no tenant.
        if let (Some(dir), None) = (&self.audit_dir, tenant) {
            report.logs = Some(self.upkeep.retain_logs(dir, dry_run).await?);
        }
        Ok(flatten(&report))
    }

    async fn collect(&self, dry_run: bool) -> Result<UpkeepReport, UpkeepError> {
        let plan = self.upkeep.gc_plan(&unwatched).await?;
        if dry_run {
            return Ok(flatten(&plan));
        }
        self.upkeep.gc_apply(&plan, &unwatched).await.map(|report| flatten(&report))
    }
}

fn failed(error: &UpkeepError) -> Refusal {
    tracing::error!(error = %with_causes(error), "upkeep failed");
    Refusal::new(ErrorCode::Unavailable, "upkeep did not come to its end; the registry's log says why, and it may be run again")
}

/// A report's numbers by their path, and its lists of texts as problems.
fn flatten(report: &impl Serialize) -> UpkeepReport {
    let mut flat = UpkeepReport::default();
    // Reports are texts and numbers, which are always JSON.
    walk("", &serde_json::to_value(report).unwrap_or_default(), &mut flat);
    flat
}

fn walk(path: &str, value: &Value, flat: &mut UpkeepReport) {
    match value {
        Value::Number(number) => drop(number.as_u64().and_then(|number| flat.counts.insert(path.to_owned(), number))),
        Value::Bool(truth) => drop(flat.counts.insert(path.to_owned(), u64::from(*truth))),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(&inner, value, flat);
        }),
        Value::Array(items) => {
            flat.counts.insert(path.to_owned(), items.len() as u64);
            let lines = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            flat.problems.extend(lines.map(|line| format!("{path}: {line}")));
        }
        Value::String(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_flattened_by_name() {
        let report =
            json!({"before": {"blob": {"count": 3, "bytes": 7}}, "dry_run": true, "problems": ["x is missing"], "tenant": "acme", "logs": null});
        let expected: BTreeMap<String, u64> = [("before.blob.count", 3), ("before.blob.bytes", 7), ("dry_run", 1), ("problems", 1)]
            .map(|(name, count)| (name.to_owned(), count))
            .into();
        assert_eq!(flatten(&report), UpkeepReport { counts: expected, problems: vec!["problems: x is missing".to_owned()] });
    }
}
