//! The extension's own cases as the last step of a build: none may fail.

use std::time::Instant;

use extensions_types::CaseEvidence;

use crate::{Built, Case, CaseResult, Event, Step, Workbench, run_cases, steps::micros};

impl Built {
    /// Runs the cases in order and notes the step's time.
    pub async fn test(&mut self, workbench: &Workbench, cases: &[Case], tell: &mut dyn FnMut(Event<'_>)) -> Vec<CaseResult> {
        tell(Event::Begins(Step::Test));
        let start = Instant::now();
        let mut results = Vec::with_capacity(cases.len());
        run_cases(workbench, self, cases, |result| results.push(result)).await;
        let took = start.elapsed();
        tell(Event::Ended(Step::Test, took));
        self.steps.push((Step::Test, took));
        results
    }
}

/// As evidence keeps it.
pub(crate) fn evidence(case: &CaseResult) -> CaseEvidence {
    CaseEvidence { name: case.name.clone(), cpu_micros: micros(case.cpu), wall_micros: micros(case.wall), memory_peak_bytes: case.memory_peak_bytes }
}
