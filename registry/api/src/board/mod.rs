//! The job board: which compiles wait, who has one, and what a worker must show.
//!
//! What is here is memory and keys; the truth of a job is its history and its
//! marker in the store ([`service`](crate::service) goes by both). Losing a
//! board loses hints and progress, never a job.

mod holds;
mod presence;
mod rate;
mod token;

use std::{sync::Arc, time::Duration};

use extensions_artifact::Owned;
use extensions_compile_jobs::{JobId, LEASE, LocalQueue};
use extensions_types::Version;

pub(crate) use holds::{Hold, Holds};
pub(crate) use presence::Presence;
pub(crate) use token::{JobGrant, new_claim};
pub use token::{JobKey, JobKeyError};

/// Attempts that no worker brought to an end before the draft fails: once may be
/// a machine that died, thrice is the source.
pub const ATTEMPTS_MAX: u32 = 3;
/// A job's token holds this long, whatever its worker reports: the largest examples take seconds.
pub(crate) const COMPILE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// How a board hands out jobs.
#[derive(Debug, Clone)]
pub struct BoardSettings {
    /// What job tokens are authenticated with. Registries that serve the same
    /// workers share it.
    pub key: JobKey,
    /// How long a job is a worker's without a report.
    pub lease: Duration,
}

impl BoardSettings {
    /// A key of its own, which ends with the process, and the usual lease.
    #[must_use]
    pub fn of_one_process() -> Self {
        Self { key: JobKey::random(), lease: LEASE }
    }
}

/// What one registry remembers of jobs.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) settings: BoardSettings,
    pub(crate) hints: LocalQueue,
    pub(crate) holds: Holds,
    pub(crate) presence: Arc<Presence>,
}

impl Board {
    pub(crate) fn new(settings: BoardSettings) -> Self {
        Self { settings, hints: LocalQueue::default(), holds: Holds::default(), presence: Arc::default() }
    }
}

/// Which draft.
pub(crate) type Draft = (Owned, Version);

/// The draft that a job is an attempt at.
pub(crate) fn draft_of(job: &JobId) -> Draft {
    (Owned::new(job.tenant.clone(), job.extension.clone()), job.version)
}

/// An attempt at a draft.
pub(crate) fn job_of((of, version): &Draft, attempt: u32) -> JobId {
    JobId { tenant: of.tenant.clone(), extension: of.extension.clone(), version: *version, attempt }
}
