//! The stream of compile jobs: which job may be waiting, told to many workers by many registries.
//!
//! An entry holds a job's id and nothing else, and is a hint: what a job is, and
//! whether it waits, its registry says. Entries that are lost are offered again.
//! An entry goes to one reader at a time; one that its reader neither ended nor
//! renewed within the lease goes to another, and one that nobody ends is set aside.
//!
//! Every operation is one script, so the parts of one are never seen apart. They
//! name keys that follow from what they read: the stream is for a Redis that is
//! no cluster.

mod metrics;
mod names;
mod reader;
mod scripts;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use prometheus_client::{encoding::EncodeLabelValue, registry::Registry};

use crate::{Coordination, HostId, OperationError};
use metrics::Metrics;
use names::Names;
pub use reader::{Entry, Reader};

/// Entries that nobody has taken: enough for all readers until the next look, and
/// so few that a tenant with many jobs is not far ahead of one with a single job.
pub const STREAM_WAITING_MAX: u64 = 64;
/// Entries in all, whoever wrote them; older ones are trimmed.
const STREAM_ENTRIES_MAX: &str = "4096";
/// Entries kept for people to look at, of those that nobody ended.
const ASIDE_MAX: &str = "256";
/// A job that was set aside is not offered for this long: 10 minutes.
const ASIDE_MS: &str = "600000";
/// How often an entry is handed out. A job's own attempts end before: what comes here ends readers.
const DELIVERIES_MAX: &str = "5";
/// Foreign entries that one question for a job clears away: some milliseconds of Redis's time.
const NO_JOBS_AT_ONCE: &str = "256";
/// A job's entry is known for this long after it was last seen to be there: an hour.
const KNOWN_MS: &str = "3600000";
/// A reader that has not asked or renewed for this long is gone; each does so every third of a lease, or sooner.
const READER_GONE_MS: &str = "30000";
/// The workers' group: each entry goes to one of them.
const GROUP: &str = "workers";
/// Where a look at what readers left begins.
const FROM_START: &str = "0-0";

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Offered {
    /// The job is in the stream now.
    Added,
    /// It was there, waiting or in somebody's hands.
    There,
    /// It was set aside a short time ago.
    Aside,
    /// [`STREAM_WAITING_MAX`] wait: offer it later.
    Full,
}

/// What a look at the stream found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tended {
    /// Programs that read it.
    pub readers: u64,
    /// Entries that nobody has taken.
    pub waiting: u64,
    /// Entries that readers have taken.
    pub in_hand: u64,
    /// Entries that were set aside, as far as they are kept.
    pub aside: u64,
}

/// A fleet's stream of compile jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CompileStream {
    coordination: Coordination,
    names: Arc<Names>,
    metrics: Arc<Metrics>,
}

impl CompileStream {
    /// The stream within the connection's namespace.
    #[must_use]
    pub fn of(coordination: &Coordination) -> Self {
        let names = Arc::new(Names::of(coordination.shared().names.compile()));
        Self { coordination: coordination.clone(), names, metrics: Arc::default() }
    }

    /// Shows what whoever fills the stream counts.
    pub fn show_filling(&self, registry: &mut Registry) {
        self.metrics.show_filling(registry);
    }

    /// Shows what whoever reads the stream counts.
    pub fn show_reading(&self, registry: &mut Registry) {
        self.metrics.show_reading(registry);
    }

    /// Puts a job's id into the stream, once.
    ///
    /// # Errors
    /// When it was not done, or not seen to be done: offer it again.
    pub async fn offer(&self, job: &str) -> Result<Offered, OperationError> {
        let waiting_max = STREAM_WAITING_MAX.to_string();
        let arguments = [GROUP, job, &waiting_max, STREAM_ENTRIES_MAX, KNOWN_MS];
        let answer: String = self.run(&scripts::OFFER, &[&self.names.stream, &self.names.job(job)], &arguments).await?;
        let outcome = match answer.as_str() {
            "added" => Offered::Added,
            "aside" => Offered::Aside,
            "full" => Offered::Full,
            _ => Offered::There,
        };
        self.metrics.offered(outcome);
        Ok(outcome)
    }

    /// Keeps the stream within its bounds and looks at it. To be done every few
    /// seconds by whoever fills it.
    ///
    /// # Errors
    /// When Redis cannot be asked, or something else lies where the stream should.
    pub async fn tend(&self) -> Result<Tended, OperationError> {
        let Names { stream, aside, readers, .. } = &*self.names;
        let found = self.run(&scripts::TEND, &[stream, aside, readers], &[GROUP, STREAM_ENTRIES_MAX, READER_GONE_MS]).await?;
        let (readers, waiting, in_hand, aside) = found;
        let tended = Tended { readers, waiting, in_hand, aside };
        self.metrics.tended(&tended);
        Ok(tended)
    }

    /// One start of a program that takes jobs; `name` is for people. What it holds
    /// for `lease` without a word goes to another.
    #[must_use]
    pub fn reader(&self, name: &str, lease: Duration) -> Reader {
        Reader::new(self.clone(), HostId::of_this_start(name).as_str().to_owned(), lease)
    }

    async fn run<T: redis::FromRedisValue>(&self, script: &crate::script::Script, keys: &[&str], arguments: &[&str]) -> Result<T, OperationError> {
        let answer = script.run(self.coordination.shared(), keys, arguments).await;
        if answer.is_err() {
            self.metrics.failed();
        }
        answer
    }
}
