//! The board for workers of this process, as remote ones see it over gRPC.

use std::sync::Arc;

use async_trait::async_trait;
use extensions_compile_jobs::{Claimed, Claims, CompileEvent, Compiled, JobId, JobRefused, JobToken, JobsError, NotCompiled, Queue, WorkerName};
use extensions_types::{ErrorCode, Refusal};

use crate::Service;

/// Hints and claims of a registry, for a worker beside it.
#[derive(Debug, Clone)]
pub struct InProcess {
    service: Service,
    by: Arc<str>,
}

impl Service {
    /// The board for a worker of this process; `by` is who it is in markers and logs.
    #[must_use]
    pub fn in_process(&self, by: &str) -> InProcess {
        InProcess { service: self.clone(), by: by.into() }
    }
}

#[async_trait]
impl Queue for InProcess {
    async fn next(&self) -> Result<JobId, JobsError> {
        loop {
            if let Some(job) = self.service.next_job().await.map_err(jobs_error)? {
                return Ok(job);
            }
        }
    }
}

#[async_trait]
impl Claims for InProcess {
    async fn claim(&self, job: &JobId, worker: &WorkerName) -> Result<Option<Claimed>, JobsError> {
        self.service.claim_job(job, &self.by, worker).await.map_err(jobs_error)
    }

    async fn report(&self, token: &JobToken, events: Vec<CompileEvent>) -> Result<(), JobsError> {
        self.service.report_job(token.as_str(), &self.by, events).await.map_err(jobs_error)
    }

    async fn complete(&self, token: &JobToken, result: Result<Compiled, NotCompiled>) -> Result<(), JobsError> {
        self.service.complete_job(token.as_str(), &self.by, result).await.map_err(jobs_error)
    }
}

fn jobs_error(refusal: Refusal) -> JobsError {
    match (JobRefused::of(&refusal.message), refusal.code) {
        (Some(reason), _) => JobsError::Job(reason),
        (None, ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::Deadline) => JobsError::Unavailable(refusal.message),
        (None, code) => JobsError::Refused { code, text: refusal.message },
    }
}
