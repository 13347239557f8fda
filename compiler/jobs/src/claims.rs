//! A job in a worker's hands: claimed, reported on, completed.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use extensions_types::{CallLabel, Sha256};

use crate::{CompileEvent, Compiled, JobId, JobToken, JobsError, NotCompiled};

/// How long a job is a worker's after its claim or its last report, unless the
/// registry's settings say otherwise: [`Claimed::lease`] is what counts.
pub const LEASE: Duration = Duration::from_secs(60);
/// Events of one report; together they may have 256 KiB of text.
pub const REPORT_EVENTS_MAX: usize = 64;

/// What a worker calls itself, for logs and people: `host-7/slot-0`. Who it is,
/// its credential says.
pub type WorkerName = CallLabel;

/// A job, for as long as its lease lasts.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which job.
    pub job: JobId,
    /// The bundle as it was pushed: a `tar.zst` of at most
    /// [`BUNDLE_BYTES_MAX`](crate::BUNDLE_BYTES_MAX), hostile until unpacked by
    /// [`Bundle::unpack`](crate::Bundle::unpack).
    pub source: Bytes,
    /// SHA-256 of the bundle, as the draft was created with. Whoever got it over
    /// a network checks it.
    pub source_sha256: Sha256,
    /// The text for [`Metadata::created_by`](extensions_types::Metadata::created_by).
    pub created_by: String,
    /// The issuer of the identity that pushed the draft.
    pub pushed_by_issuer: Arc<str>,
    /// The issuer of the identity that asked for the compile.
    pub asked_by_issuer: Arc<str>,
    /// To be shown with every report and the result.
    pub token: JobToken,
    /// How long it is the worker's without a report.
    pub lease: Duration,
}

/// The registry's side of a worker's job.
#[async_trait]
pub trait Claims: Send + Sync + fmt::Debug {
    /// Takes a job for its lease. None: it has ended, is another worker's, or is
    /// at another attempt by now; hints may be old.
    ///
    /// # Errors
    /// When the registry does not answer or refuses the worker.
    async fn claim(&self, job: &JobId, worker: &WorkerName) -> Result<Option<Claimed>, JobsError>;

    /// Tells progress, in order, and renews the lease; without events it only renews.
    /// At most [`REPORT_EVENTS_MAX`] events; up to four reports a second on end are taken, and
    /// forty at once.
    ///
    /// # Errors
    /// [`JobsError::Job`]: drop the job. Otherwise try again within the lease.
    async fn report(&self, token: &JobToken, events: Vec<CompileEvent>) -> Result<(), JobsError>;

    /// Ends the job. The first result of an attempt counts; sending it again is refused as ended.
    /// What was compiled is checked again: the answer is about the delivery, not about
    /// what the checks found.
    ///
    /// # Errors
    /// [`JobsError::Job`]: the result does not count. [`JobsError::Unavailable`]: send it again.
    async fn complete(&self, token: &JobToken, result: Result<Compiled, NotCompiled>) -> Result<(), JobsError>;
}
