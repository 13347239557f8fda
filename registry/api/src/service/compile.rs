//! From a draft's source to a version, with its progress.

use std::pin::Pin;

use extensions_artifact::Owned;
use extensions_compile_jobs::CompileEvent;
use extensions_proto::v1;
use extensions_registry_core::{Action, Build};
use extensions_types::{Refusal, Sha256, Version};
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;

use super::{
    Service, about,
    admit::Admission,
    lifecycle::named,
    parse, refusal,
    refuse::not_found,
    upload::{author, record},
};
use crate::{
    Call,
    board::job_of,
    view::{Changed, FindingView},
};

/// Progress, and how it ended.
pub type CompileStream = Pin<Box<dyn Stream<Item = Result<CompileView, Refusal>> + Send>>;

/// One step of a compile, or its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CompileView {
    /// The request is in the history.
    Requested {
        /// The draft after it.
        change: Changed,
    },
    /// A step began.
    StepStarted {
        /// Its name.
        step: String,
    },
    /// A step ended.
    StepDone {
        /// Its name.
        step: String,
        /// How long it took.
        micros: u64,
        /// What it says of itself.
        #[serde(skip_serializing_if = "String::is_empty")]
        summary: String,
    },
    /// What a tool said about the source.
    Diagnostic {
        /// `error`, `warning` or `note`.
        level: String,
        /// As it was printed.
        text: String,
    },
    /// The version is built.
    Built {
        /// The draft after it.
        change: Changed,
        /// SHA-256 of the component.
        digest: Sha256,
        /// Its size.
        component_bytes: u64,
    },
    /// The draft has failed.
    Failed {
        /// The draft after it.
        change: Changed,
        /// Every reason.
        findings: Vec<FindingView>,
    },
}

impl CompileView {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::StepStarted { .. } => "step_started",
            Self::StepDone { .. } => "step_done",
            Self::Diagnostic { .. } => "diagnostic",
            Self::Built { .. } => "built",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Service {
    /// Compiles a draft's source. The compile goes on when nobody listens any more.
    ///
    /// # Errors
    /// Refuses by name; what ends the stream early stands in the stream.
    pub async fn compile(&self, call: &Call, request: v1::CompileRequest) -> Result<CompileStream, Refusal> {
        self.audited(call, named("Compile", request.command.as_ref()), async {
            let asked = parse::Asked::of(call, request.command.as_ref())?;
            author(&asked.target)?;
            let version = parse::version(request.version)?;
            let of = Owned::new(asked.target.tenant.clone(), asked.target.extension.clone());
            let state = self.known(&of).await?;
            let draft = record(&state, version)?;
            // Without its source there is nothing to ask for.
            if matches!(draft.build, Build::Waiting) {
                self.ledger().source(&of, version).await.map_err(|error| refusal(&error))?;
            }
            let command = asked.command(Action::RequestCompile { version });
            let outcome = about(self.run(&asked.target, &command).await?, &command.action);
            let requested = CompileView::Requested { change: Self::answer(&outcome, None) };
            let record = record(&outcome.extension, version)?.clone();
            let rest = self.rest(Admission { of, version, record }, &outcome.extension).await?;
            Ok(stream::once(async { Ok(requested) }).chain(rest).boxed() as CompileStream)
        })
        .await
    }

    /// What follows the request: the compile under way, or its end.
    async fn rest(&self, admission: Admission, state: &extensions_registry_core::Extension) -> Result<CompileStream, Refusal> {
        let change = Changed::of(state, state.applied_seq, false, Some(admission.version), None);
        let end = match &admission.record.build {
            Build::Built(built) => CompileView::Built { change, digest: built.component_sha256, component_bytes: built.component_bytes },
            Build::Failed { seq, .. } => {
                let findings = self.findings(&admission.of, *seq).await?;
                CompileView::Failed { change, findings: findings.into_iter().map(Into::into).collect() }
            }
            Build::Waiting => return Err(not_found("the version is gone")),
            Build::Requested { attempt, .. } => return self.follow(&admission, *attempt),
        };
        Ok(stream::once(async { Ok(end) }).boxed())
    }

    /// Waits for the compile, whoever does it. Without a worker the stream says so and waits on.
    fn follow(&self, admission: &Admission, attempt: u32) -> Result<CompileStream, Refusal> {
        let draft = (admission.of.clone(), admission.version);
        let followed = self.inner.followers.join(&draft)?;
        let stream = followed.follow().boxed();
        if !self.inner.board.holds.contains(&draft) {
            // Where there is no room for the hint, the next look at the markers gives it.
            self.inner.board.hints.offer(job_of(&draft, attempt));
        }
        Ok(stream)
    }
}

impl CompileView {
    /// Something to know, which no tool said.
    pub(super) fn note(text: &str) -> Self {
        Self::Diagnostic { level: "note".to_owned(), text: text.to_owned() }
    }

    /// Bytes of its texts, for bounds.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::StepStarted { step } => step.len(),
            Self::StepDone { step, summary, .. } => step.len() + summary.len(),
            Self::Diagnostic { level, text } => level.len() + text.len(),
            // Ends, of which there is one, with findings that are bounded.
            Self::Requested { .. } | Self::Built { .. } | Self::Failed { .. } => 0,
        }
    }
}

impl From<CompileEvent> for CompileView {
    fn from(event: CompileEvent) -> Self {
        match event {
            CompileEvent::StepStarted(step) => Self::StepStarted { step },
            CompileEvent::StepDone { step, took, summary } => {
                Self::StepDone { step, micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX), summary }
            }
            CompileEvent::Diagnostic { level, text } => Self::Diagnostic { level, text },
        }
    }
}

pub(super) fn ended(done: crate::view::Uploaded, version: Version, component_bytes: u64) -> CompileView {
    let change = Changed { version: Some(version), ..done.change };
    match done.digest {
        Some(digest) => CompileView::Built { change, digest, component_bytes },
        None => CompileView::Failed { change, findings: done.findings },
    }
}
