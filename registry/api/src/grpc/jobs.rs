//! The job board over gRPC: messages in, words of compile jobs out.

use std::time::Duration;

use extensions_compile_jobs::{BUNDLE_BYTES_MAX, Claimed, CompileEvent, Compiled, JobId, NotCompiled, WorkerName};
use extensions_proto::v1::{self, compile_jobs_server::CompileJobs, complete_job_request::Result as Ended, job_event::Event};
use extensions_types::{CallLabel, Finding, Refusal};
use serde::de::DeserializeOwned;
use tonic::{Request, Response};

use super::{Reply, open, status};
use crate::{Call, Service, call::bad};

/// A result: a component of 4 MiB, a definition of 64 KiB and its evidence, with their frames.
pub(crate) const RESULT_BYTES_MAX: usize = 6 << 20;
/// A claim's answer: a bundle with its frame.
pub(crate) const SOURCE_BYTES_MAX: usize = BUNDLE_BYTES_MAX + (64 << 10);
/// A definition or an evidence as JSON.
const JSON_BYTES_MAX: usize = 512 << 10;

/// The generated trait over the service.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    service: Service,
}

impl Jobs {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }

    /// Runs `work` for a worker; every refusal is audited under its credential.
    async fn run<T>(&self, call: &Call, operation: &'static str, on: &str, work: impl Future<Output = Result<T, Refusal>>) -> Reply<T> {
        let result = self.service.audited_job(call, operation, on, work).await;
        result.map(Response::new).map_err(|refusal| status(&refusal))
    }
}

#[tonic::async_trait]
impl CompileJobs for Jobs {
    async fn next(&self, request: Request<v1::NextJobRequest>) -> Reply<v1::NextJobResponse> {
        let (call, message) = open(request)?;
        self.run(&call, "NextJob", "", async {
            call.worker()?;
            worker_name(&message.worker)?;
            let job = self.service.next_job().await?;
            Ok(v1::NextJobResponse { job: job.map_or_else(String::new, |job| job.to_string()) })
        })
        .await
    }

    async fn claim(&self, request: Request<v1::ClaimJobRequest>) -> Reply<v1::ClaimJobResponse> {
        let (call, message) = open(request)?;
        self.run(&call, "ClaimJob", &message.job, async {
            let by = call.worker()?;
            let name = worker_name(&message.worker)?;
            let job: JobId = message.job.parse().map_err(|error| bad("job", &error))?;
            let claimed = self.service.claim_job(&job, &by, &name).await?;
            Ok(v1::ClaimJobResponse { claimed: claimed.map(message_of) })
        })
        .await
    }

    async fn report(&self, request: Request<v1::ReportJobRequest>) -> Reply<v1::ReportJobResponse> {
        let (call, message) = open(request)?;
        self.run(&call, "ReportJob", job_in(&message.token), async {
            let by = call.worker()?;
            let events = message.events.into_iter().map(event).collect::<Result<_, _>>()?;
            self.service.report_job(&message.token, &by, events).await?;
            Ok(v1::ReportJobResponse {})
        })
        .await
    }

    async fn complete(&self, request: Request<v1::CompleteJobRequest>) -> Reply<v1::CompleteJobResponse> {
        let (call, message) = open(request)?;
        self.run(&call, "CompleteJob", job_in(&message.token), async {
            let by = call.worker()?;
            let result = ended(message.result.ok_or_else(|| bad("result", &"it is missing"))?)?;
            self.service.complete_job(&message.token, &by, result).await?;
            Ok(v1::CompleteJobResponse {})
        })
        .await
    }
}

/// The job that a token claims to be of, for the audit; believed by nobody.
fn job_in(token: &str) -> &str {
    token.split(';').next().unwrap_or_default()
}

fn worker_name(text: &str) -> Result<WorkerName, Refusal> {
    CallLabel::parse(text).map_err(|error| bad("worker", &error))
}

fn message_of(claimed: Claimed) -> v1::ClaimedJob {
    v1::ClaimedJob {
        job: claimed.job.to_string(),
        source: claimed.source,
        source_sha256: claimed.source_sha256.to_string(),
        created_by: claimed.created_by,
        pushed_by_issuer: claimed.pushed_by_issuer.to_string(),
        asked_by_issuer: claimed.asked_by_issuer.to_string(),
        token: claimed.token.as_str().to_owned(),
        lease_millis: u32::try_from(claimed.lease.as_millis()).unwrap_or(u32::MAX),
    }
}

fn event(message: v1::JobEvent) -> Result<CompileEvent, Refusal> {
    Ok(match message.event.ok_or_else(|| bad("events", &"an event says nothing"))? {
        Event::StepStarted(step) => CompileEvent::StepStarted(step),
        Event::StepDone(v1::StepDone { step, micros, summary }) => CompileEvent::StepDone { step, took: Duration::from_micros(micros), summary },
        Event::Diagnostic(v1::Diagnostic { level, text }) => CompileEvent::Diagnostic { level, text },
    })
}

fn ended(result: Ended) -> Result<Result<Compiled, NotCompiled>, Refusal> {
    Ok(match result {
        Ended::Compiled(v1::CompiledJob { definition_json, component, evidence_json }) => {
            let definition = json("definition_json", &definition_json)?;
            let evidence = json("evidence_json", &evidence_json)?;
            Ok(Compiled { definition, component, evidence })
        }
        Ended::Failed(v1::FailedJob { findings }) => Err(NotCompiled::Failed(findings.into_iter().map(finding).collect())),
        Ended::Unavailable(why) => Err(NotCompiled::Unavailable(why)),
        Ended::Denied(why) => Err(NotCompiled::Denied(why)),
        Ended::GivenBack(v1::GivenBackJob {}) => Err(NotCompiled::GivenBack),
    })
}

fn finding(message: v1::Finding) -> Finding {
    let v1::Finding { step, code, message, remedy, place } = message;
    Finding { step, code, message, place, remedy }
}

/// JSON from a worker, checked for size and depth before anything is built of it.
fn json<T: DeserializeOwned>(field: &str, bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.len() > JSON_BYTES_MAX {
        return Err(bad(field, &format_args!("{} bytes, at most {JSON_BYTES_MAX} are read", bytes.len())));
    }
    extensions_json::check(bytes).map_err(|error| bad(field, &error))?;
    serde_json::from_slice(bytes).map_err(|error| bad(field, &error))
}
