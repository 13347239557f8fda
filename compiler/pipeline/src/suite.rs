//! Runs an extension's cases in the production engine under production limits:
//! for `ext test`, and as the gate that a worker's version passes.

use std::{sync::Arc, time::Duration};

use extensions_catalog::ServedVersion;
use extensions_engine::{Extension, Failure, LogLine};
use extensions_types::{ErrorCode, with_causes};
use serde_json::Value;

use crate::{
    build::Built,
    case::{Case, CaseLimits},
    context,
    difference::Difference,
    script::Script,
    workbench::Workbench,
};

/// What one case gave.
#[derive(Debug)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Its file, relative to the extension's folder.
    pub file: String,
    /// Why it failed; none when it passed.
    pub difference: Option<Difference>,
    /// What the guest logged.
    pub logs: Vec<LogLine>,
    /// CPU time.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
    /// The guest's memory at its largest, in bytes.
    pub memory_peak_bytes: u64,
}

impl CaseResult {
    /// Whether everything was as the case says.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.difference.is_none()
    }
}

/// Runs one case of a version that has been built.
pub async fn run_case(workbench: &Workbench, built: &Built, case: &Case) -> CaseResult {
    let mut result = CaseResult {
        name: case.name.clone(),
        file: case.file.clone(),
        difference: None,
        logs: Vec::new(),
        cpu: Duration::ZERO,
        wall: Duration::ZERO,
        memory_peak_bytes: 0,
    };
    match prepared(workbench, built, case).await {
        Ok((extension, context)) => run(workbench, &extension, context, case, &mut result).await,
        Err(error) => result.difference = Some(Difference::of(error)),
    }
    result
}

/// The version under the case's limits, and who calls it.
async fn prepared(workbench: &Workbench, built: &Built, case: &Case) -> Result<(Arc<Extension>, extensions_types::ExecutionContext), String> {
    let definition = built.extension.definition();
    let context = context::of_case(&definition.tenant_id, &case.context, case.point.as_ref()).map_err(|error| error.to_string())?;
    if case.limits == CaseLimits::default() {
        return Ok((Arc::clone(&built.extension), context));
    }
    let limits = case.limits.within(definition.limits).map_err(|error| error.to_string())?;
    let mut tightened = (**definition).clone();
    tightened.limits = limits;
    // The code is there already; only what is linked with it has other limits.
    let version = Arc::new(ServedVersion::new(tightened, built.component.clone()));
    let extension = workbench.load(&version).await.map_err(|error| with_causes(&error))?;
    Ok((extension, context))
}

async fn run(workbench: &Workbench, extension: &Arc<Extension>, context: extensions_types::ExecutionContext, case: &Case, result: &mut CaseResult) {
    let script = Arc::new(Script::new(&case.host_calls));
    let input = case.input.to_string().into_bytes().into();
    let outcome = workbench.run(extension, context, input, Some(Arc::clone(&script) as _)).await;
    let got = outcome
        .result
        .and_then(|json| serde_json::from_slice::<Value>(&json).map_err(|error| Failure::new(ErrorCode::InvalidOutput, error.to_string())));
    // A call that was not the scripted one explains whatever came out.
    result.difference = script.difference().filter(|_| script.was_left()).or_else(|| case.difference(&got)).or_else(|| script.difference());
    result.logs = outcome.logs;
    (result.cpu, result.wall, result.memory_peak_bytes) = (outcome.stats.cpu, outcome.stats.wall, outcome.stats.memory_peak_bytes);
}

/// How a run of several cases ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SuiteResult {
    /// Cases as expected.
    pub passed: u32,
    /// Cases that were not.
    pub failed: u32,
}

/// Runs all of them in order; `tell` hears each result.
pub async fn run_cases(workbench: &Workbench, built: &Built, cases: &[Case], mut tell: impl FnMut(CaseResult)) -> SuiteResult {
    let mut counts = SuiteResult::default();
    for case in cases {
        let result = run_case(workbench, built, case).await;
        if result.passed() {
            counts.passed += 1
        } else {
            counts.failed += 1
        }
        tell(result);
    }
    counts
}
