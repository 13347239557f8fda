//! From a draft's source to a version, with its progress.

use std::{pin::Pin, time::Duration};

use extensions_artifact::Owned;
use extensions_proto::v1;
use extensions_registry_core::{Action, Build};
use extensions_types::{Refusal, Sha256, Version};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::{sync::mpsc, time::timeout};

use super::{
    Service, about,
    admit::Admission,
    jobs::Worker,
    lifecycle::named,
    parse, refusal,
    refuse::{not_found, unavailable},
    upload::{author, blocking, record},
};
use crate::{
    Bundle, Call, CompileEvent, CompileJob, NotCompiled,
    call::denied,
    view::{Changed, FindingView},
};

/// A compile that takes longer is given up: the largest examples take seconds.
const COMPILE_WITHIN: Duration = Duration::from_secs(15 * 60);
/// Progress that may wait to be noted.
const PROGRESS_QUEUE: usize = 64;
/// One diagnostic's text.
const DIAGNOSTIC_BYTES_MAX: usize = 16 << 10;

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
            if self.inner.parts.compiler.is_none() && draft.built().is_none() {
                let text = "this registry compiles no source yet: push the component that `ext build` made, for tier low, or use `ext dev`";
                return Err(unavailable(text));
            }
            // Without its source there is nothing to ask for.
            if matches!(draft.build, Build::Waiting) {
                self.ledger().source(&of, version).await.map_err(|error| refusal(&error))?;
            }
            let command = asked.command(Action::RequestCompile { version });
            let outcome = about(self.run(&asked.target, &command).await?, &command.action);
            let requested = CompileView::Requested { change: Self::answer(&outcome, None) };
            let record = record(&outcome.extension, version)?.clone();
            let rest = self.rest(call, Admission { of, version, record }, &outcome.extension).await?;
            Ok(stream::once(async { Ok(requested) }).chain(rest).boxed() as CompileStream)
        })
        .await
    }

    /// What follows the request: the compile under way, or its end.
    async fn rest(&self, call: &Call, admission: Admission, state: &extensions_registry_core::Extension) -> Result<CompileStream, Refusal> {
        let change = Changed::of(state, state.applied_seq, false, Some(admission.version), None);
        let end = match &admission.record.build {
            Build::Built(built) => CompileView::Built { change, digest: built.component_sha256, component_bytes: built.component_bytes },
            Build::Failed { seq, .. } => {
                let findings = self.findings(&admission.of, *seq).await?;
                CompileView::Failed { change, findings: findings.into_iter().map(Into::into).collect() }
            }
            Build::Waiting => return Err(not_found("the version is gone")),
            Build::Requested { attempt, .. } => return self.follow(call, admission.clone(), *attempt),
        };
        Ok(stream::once(async { Ok(end) }).boxed())
    }

    fn follow(&self, call: &Call, admission: Admission, attempt: u32) -> Result<CompileStream, Refusal> {
        let (job, worker) = self.inner.jobs.join((admission.of.clone(), admission.version))?;
        if let Some(worker) = worker {
            let (service, asked_by) = (self.clone(), call.caller()?.actor);
            tokio::spawn(async move {
                let end = service.work(&worker, admission, attempt, asked_by).await;
                worker.end(end);
            });
        }
        Ok(job.follow().boxed())
    }

    async fn work(
        &self,
        worker: &Worker,
        admission: Admission,
        attempt: u32,
        asked_by: extensions_registry_core::Actor,
    ) -> Result<CompileView, Refusal> {
        let (of, version) = (admission.of.clone(), admission.version);
        let source = self.ledger().source(&of, version).await.map_err(|error| refusal(&error))?;
        let reading = admission.clone();
        let (manifest, bundle) = blocking(move || {
            let bundle = Bundle::unpack(&source).map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            Ok((reading.manifest(&bundle)?, bundle))
        })
        .await?;
        let job = CompileJob {
            tenant: of.tenant.clone(),
            extension: of.extension.clone(),
            version,
            asked_by,
            created_by: admission.created_by(),
            manifest: manifest.clone(),
            bundle,
            bundle_sha256: admission.record.draft.source_sha256,
        };
        let result = match self.run_compiler(worker, job).await? {
            Ok(compiled) => {
                let at_ms = self.now_ms();
                blocking(move || Ok(admission.compiled(manifest, compiled, at_ms))).await?
            }
            Err(NotCompiled::Failed(findings)) => Err(findings),
            Err(NotCompiled::Unavailable(why)) => return Err(unavailable(why)),
            Err(NotCompiled::Denied(why)) => return Err(denied(&why)),
            Err(NotCompiled::GivenBack) => return Err(unavailable("the compile was given up before its end; ask for it again")),
        };
        let component_bytes = result.as_ref().map_or(0, |admitted| admitted.component.len() as u64);
        let done = self.conclude(&of, version, attempt, result).await?;
        Ok(ended(done, version, component_bytes))
    }

    async fn run_compiler(&self, worker: &Worker, job: CompileJob) -> Result<Result<crate::Compiled, NotCompiled>, Refusal> {
        let compiler = self.inner.parts.compiler.as_ref().ok_or_else(|| unavailable("this registry compiles no source"))?;
        let (tell, mut told) = mpsc::channel(PROGRESS_QUEUE);
        let mut compiling = std::pin::pin!(timeout(COMPILE_WITHIN, compiler.compile(job, tell)).fuse());
        let result = loop {
            tokio::select! {
                biased;
                Some(event) = told.recv() => worker.tell(view(event)),
                result = &mut compiling => break result,
            }
        };
        while let Ok(event) = told.try_recv() {
            worker.tell(view(event));
        }
        result.map_err(|_| {
            unavailable(format!("the compile took more than {} minutes and was given up; ask for it again", COMPILE_WITHIN.as_secs() / 60))
        })
    }
}

fn view(event: CompileEvent) -> CompileView {
    match event {
        CompileEvent::StepStarted(step) => CompileView::StepStarted { step },
        CompileEvent::StepDone { step, took, summary } => {
            CompileView::StepDone { step, micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX), summary }
        }
        CompileEvent::Diagnostic { level, mut text } => {
            text.truncate(text.floor_char_boundary(DIAGNOSTIC_BYTES_MAX));
            CompileView::Diagnostic { level, text }
        }
    }
}

fn ended(done: crate::view::Uploaded, version: Version, component_bytes: u64) -> CompileView {
    let change = Changed { version: Some(version), ..done.change };
    match done.digest {
        Some(digest) => CompileView::Built { change, digest, component_bytes },
        None => CompileView::Failed { change, findings: done.findings },
    }
}
