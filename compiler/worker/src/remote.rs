//! A registry elsewhere, over gRPC: hints and claims with the worker's own credential.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use extensions_compile_jobs::{Claimed, Claims, CompileEvent, Compiled, JobId, JobRefused, JobToken, JobsError, NotCompiled, Queue, WorkerName};
use extensions_proto::{detail_of, v1};
use extensions_tls::{ClientTls, Protocol};
use extensions_types::{ErrorCode, Finding};
use tokio::sync::watch;
use tonic::{
    Code, Request, Status,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};
use v1::compile_jobs_client::CompileJobsClient;

/// A claim holds a bundle of at most 8 MiB, and some words.
const DECODED_BYTES_MAX: usize = 9 << 20;
/// A result holds a component of at most 4 MiB, its definition and evidence.
const ENCODED_BYTES_MAX: usize = 6 << 20;
/// A registry answers a request for a hint after 20 seconds at the latest.
const NEXT_WITHIN: Duration = Duration::from_secs(30);
/// A connection, with its TLS handshake.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Any other request.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// A token is some hundred bytes.
const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// A registry, for a worker. Connects when it is first used, and again when it must. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Remote {
    client: CompileJobsClient<Channel>,
    token_file: PathBuf,
    name: WorkerName,
    contact: Arc<watch::Sender<bool>>,
}

/// The address is none.
#[derive(Debug, thiserror::Error)]
#[error("{url} is no registry's address")]
pub struct NotARegistry {
    url: String,
    #[source]
    source: tonic::transport::Error,
}

impl Remote {
    /// A registry at `url`, asked with the token in `token_file`; `tls` is for an `https://` one.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &str, token_file: &Path, tls: Option<&ClientTls>, name: WorkerName) -> Result<Self, NotARegistry> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|source| NotARegistry { url: url.to_owned(), source })?;
        let endpoint = endpoint.connect_timeout(CONNECT_WITHIN).keep_alive_while_idle(true);
        let channel = match tls {
            Some(tls) => endpoint.connect_with_connector_lazy(tls.connector(Protocol::Http2)),
            None => endpoint.connect_lazy(),
        };
        let client = CompileJobsClient::new(channel).max_decoding_message_size(DECODED_BYTES_MAX).max_encoding_message_size(ENCODED_BYTES_MAX);
        Ok(Self { client, token_file: token_file.to_owned(), name, contact: Arc::new(watch::Sender::new(false)) })
    }

    /// Whether the registry answered when it was last asked.
    #[must_use]
    pub fn contact(&self) -> watch::Receiver<bool> {
        self.contact.subscribe()
    }

    fn request<T>(&self, message: T, within: Duration) -> Result<Request<T>, JobsError> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.credential()?);
        request.set_timeout(within);
        Ok(request)
    }

    /// Read each time: whoever runs the worker replaces the file before the token ends.
    fn credential(&self) -> Result<AsciiMetadataValue, JobsError> {
        let read = || {
            let mut text = String::new();
            std::fs::File::open(&self.token_file)?.take(TOKEN_BYTES_MAX).read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        let text = read().map_err(|error| JobsError::Unavailable(format!("the token file {}: {error}", self.token_file.display())))?;
        let wrong = || JobsError::Unavailable(format!("the token file {} holds no token", self.token_file.display()));
        let mut value: AsciiMetadataValue = format!("Bearer {}", text.trim()).parse().map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn heard<T>(&self, answer: Result<tonic::Response<T>, Status>) -> Result<T, JobsError> {
        match answer {
            Ok(answer) => {
                self.contact.send_replace(true);
                Ok(answer.into_inner())
            }
            Err(status) => {
                let error = refused(&status);
                self.contact.send_replace(matches!(error, JobsError::Job(_)));
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Queue for Remote {
    async fn next(&self) -> Result<JobId, JobsError> {
        loop {
            let request = self.request(v1::NextJobRequest { worker: self.name.to_string() }, NEXT_WITHIN)?;
            let answer = self.heard(self.client.clone().next(request).await)?;
            if !answer.job.is_empty() {
                return answer.job.parse().map_err(|_| odd("a hint that is no job's id"));
            }
        }
    }
}

#[async_trait]
impl Claims for Remote {
    async fn claim(&self, job: &JobId, worker: &WorkerName) -> Result<Option<Claimed>, JobsError> {
        let request = self.request(v1::ClaimJobRequest { job: job.to_string(), worker: worker.to_string() }, ANSWER_WITHIN)?;
        let answer = self.heard(self.client.clone().claim(request).await)?;
        answer.claimed.map(claimed).transpose()
    }

    async fn report(&self, token: &JobToken, events: Vec<CompileEvent>) -> Result<(), JobsError> {
        let message = v1::ReportJobRequest { token: token.as_str().to_owned(), events: events.into_iter().map(event).collect() };
        let request = self.request(message, ANSWER_WITHIN)?;
        self.heard(self.client.clone().report(request).await).map(drop)
    }

    async fn complete(&self, token: &JobToken, result: Result<Compiled, NotCompiled>) -> Result<(), JobsError> {
        let message = v1::CompleteJobRequest { token: token.as_str().to_owned(), result: Some(ended(result)?) };
        let request = self.request(message, ANSWER_WITHIN)?;
        self.heard(self.client.clone().complete(request).await).map(drop)
    }
}

fn odd(what: &str) -> JobsError {
    JobsError::Refused { code: ErrorCode::Internal, text: format!("the registry gave {what}; are worker and registry of one version?") }
}

fn claimed(job: v1::ClaimedJob) -> Result<Claimed, JobsError> {
    Ok(Claimed {
        job: job.job.parse().map_err(|_| odd("a job without an id"))?,
        source: job.source,
        source_sha256: job.source_sha256.parse().map_err(|_| odd("a job without its digest"))?,
        created_by: job.created_by,
        pushed_by_issuer: job.pushed_by_issuer.into(),
        asked_by_issuer: job.asked_by_issuer.into(),
        token: JobToken::parse(&job.token).map_err(|_| odd("a job without a token"))?,
        lease: Duration::from_millis(u64::from(job.lease_millis)),
    })
}

fn event(event: CompileEvent) -> v1::JobEvent {
    use v1::job_event::Event;
    let event = match event {
        CompileEvent::StepStarted(step) => Event::StepStarted(step),
        CompileEvent::StepDone { step, took, summary } => {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            Event::StepDone(v1::StepDone { step, micros, summary })
        }
        CompileEvent::Diagnostic { level, text } => Event::Diagnostic(v1::Diagnostic { level, text }),
    };
    v1::JobEvent { event: Some(event) }
}

fn ended(result: Result<Compiled, NotCompiled>) -> Result<v1::complete_job_request::Result, JobsError> {
    use v1::complete_job_request::Result as Ended;
    Ok(match result {
        Ok(Compiled { definition, component, evidence }) => {
            let json = |text: serde_json::Result<Vec<u8>>| text.map(Into::into).map_err(|_| odd("a definition that is no JSON"));
            Ended::Compiled(v1::CompiledJob {
                definition_json: json(serde_json::to_vec(&definition))?,
                component,
                evidence_json: json(serde_json::to_vec(&evidence))?,
            })
        }
        Err(NotCompiled::Failed(findings)) => Ended::Failed(v1::FailedJob { findings: findings.into_iter().map(finding).collect() }),
        Err(NotCompiled::Unavailable(why)) => Ended::Unavailable(why),
        Err(NotCompiled::Denied(why)) => Ended::Denied(why),
        Err(NotCompiled::GivenBack) => Ended::GivenBack(v1::GivenBackJob {}),
    })
}

fn finding(finding: Finding) -> v1::Finding {
    let Finding { step, code, message, place, remedy } = finding;
    v1::Finding { step, code, message, place, remedy }
}

fn refused(status: &Status) -> JobsError {
    if let Some(reason) = JobRefused::of(status.message()) {
        return reason.into();
    }
    let text = status.message().to_owned();
    let code = detail_of(status.details()).and_then(|detail| detail.error_code.parse::<ErrorCode>().ok());
    match (status.code(), code) {
        (Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled, _) => JobsError::Unavailable(text),
        (_, Some(code)) => JobsError::Refused { code, text },
        // Without our detail it is the transport that speaks.
        (Code::Unauthenticated, None) => JobsError::Refused { code: ErrorCode::Unauthenticated, text },
        (Code::PermissionDenied, None) => JobsError::Refused { code: ErrorCode::PermissionDenied, text },
        (_, None) => JobsError::Unavailable(format!("{}: {text}", status.code())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_about_a_job_are_told_from_a_registry_that_is_away() {
        for reason in JobRefused::ALL {
            assert_eq!(refused(&Status::aborted(reason.to_string())), JobsError::Job(*reason));
        }
        for status in [Status::unavailable("x"), Status::deadline_exceeded("x"), Status::resource_exhausted("x"), Status::unknown("transport error")]
        {
            assert!(matches!(refused(&status), JobsError::Unavailable(_)), "{status}");
        }
        assert!(matches!(refused(&Status::permission_denied("no")), JobsError::Refused { code: ErrorCode::PermissionDenied, .. }));
    }
}
