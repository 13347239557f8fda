//! Runs an extension's cases in the production engine under production limits.

use std::{sync::Arc, time::Duration};

use extensions_engine::{Extension, Failure, LogLine};
use extensions_types::ErrorCode;
use serde_json::Value;

use crate::{
    case::{Case, Script},
    context,
    workbench::Workbench,
};

/// What one case gave.
#[derive(Debug)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Why it failed; none when it passed.
    pub difference: Option<String>,
    /// What the guest logged.
    pub logs: Vec<LogLine>,
    /// CPU time.
    pub cpu: Duration,
    /// The guest's memory at its largest, in bytes.
    pub memory_peak_bytes: u64,
}

/// Runs one case.
pub async fn run_case(workbench: &Workbench, extension: &Arc<Extension>, case: &Case) -> CaseResult {
    let context = match context::of_case(&extension.definition().tenant_id, &case.context, case.point.as_ref()) {
        Ok(context) => context,
        Err(error) => return failed_case(case, error.to_string()),
    };
    let script = Arc::new(Script::new(&case.host_calls));
    let input = case.input.to_string().into_bytes().into();
    let outcome = workbench.run(extension, context, input, Some(Arc::clone(&script) as _)).await;
    let got = outcome
        .result
        .and_then(|json| serde_json::from_slice::<Value>(&json).map_err(|error| Failure::new(ErrorCode::InvalidOutput, error.to_string())));
    let difference = case.difference(&got).or_else(|| match script.left() {
        0 => None,
        left => Some(format!("{left} scripted host calls were not made")),
    });
    CaseResult { name: case.name.clone(), difference, logs: outcome.logs, cpu: outcome.stats.cpu, memory_peak_bytes: outcome.stats.memory_peak_bytes }
}

fn failed_case(case: &Case, difference: String) -> CaseResult {
    CaseResult { name: case.name.clone(), difference: Some(difference), logs: Vec::new(), cpu: Duration::ZERO, memory_peak_bytes: 0 }
}
