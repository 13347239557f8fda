//! Progress of a compile, and reports of upkeep, as messages.

use extensions_proto::v1::{self, compile_progress::Event};

use crate::service::{CompileView, UpkeepReport};

impl From<CompileView> for v1::CompileProgress {
    fn from(view: CompileView) -> Self {
        let event = match view {
            CompileView::Requested { change } => Event::Requested(change.into()),
            CompileView::StepStarted { step } => Event::StepStarted(step),
            CompileView::StepDone { step, micros, summary } => Event::StepDone(v1::StepDone { step, micros, summary }),
            CompileView::Diagnostic { level, text } => Event::Diagnostic(v1::Diagnostic { level, text }),
            CompileView::Built { change, digest, component_bytes } => {
                Event::Built(v1::CompileBuilt { change: Some(change.into()), digest: digest.to_string(), component_bytes })
            }
            CompileView::Failed { change, findings } => {
                Event::Failed(v1::CompileFailed { change: Some(change.into()), findings: findings.into_iter().map(Into::into).collect() })
            }
        };
        Self { event: Some(event) }
    }
}

impl From<UpkeepReport> for v1::UpkeepResponse {
    fn from(report: UpkeepReport) -> Self {
        Self { counts: report.counts.into_iter().collect(), problems: report.problems }
    }
}
