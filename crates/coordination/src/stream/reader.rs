//! One program that takes jobs from the stream.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{ASIDE_MAX, ASIDE_MS, CompileStream, DELIVERIES_MAX, FROM_START, GROUP, KNOWN_MS, NO_JOBS_AT_ONCE, scripts};
use crate::OperationError;

/// A job in a reader's hands, for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(super) id: String,
    /// The job, as it was offered: at most 160 of `a-z`, `0-9`, `-` and `/`, by whoever may write to Redis.
    pub job: String,
    /// How often it has been handed out, this time included.
    pub deliveries: u64,
}

/// Takes entries under a name of its own.
#[derive(Debug)]
pub struct Reader {
    stream: CompileStream,
    name: String,
    left_after_ms: String,
    /// How far the look at what others left has come.
    cursor: Mutex<String>,
}

impl Reader {
    pub(super) fn new(stream: CompileStream, name: String, lease: Duration) -> Self {
        Self { stream, name, left_after_ms: lease.as_millis().to_string(), cursor: Mutex::new(FROM_START.to_owned()) }
    }

    /// What it is called in the stream's group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One entry, if there is one: first what another reader left, then the next.
    /// It does not wait. Dropping it half way leaves an entry to its lease.
    ///
    /// # Errors
    /// When Redis cannot be asked, or something else lies where the stream should.
    pub async fn take(&self) -> Result<Option<Entry>, OperationError> {
        let names = &self.stream.names;
        let cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let arguments = [GROUP, &self.name, &self.left_after_ms, &cursor, DELIVERIES_MAX, ASIDE_MAX, ASIDE_MS, &names.jobs, NO_JOBS_AT_ONCE];
        let taken = self.stream.run(&scripts::TAKE, &[&names.stream, &names.aside, &names.readers], &arguments).await?;
        let (cursor, dropped, set_aside, id, job, deliveries): (String, u64, u64, String, String, u64) = taken;
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = cursor;
        self.stream.metrics.put_away(dropped, set_aside);
        if dropped > 0 || set_aside > 0 {
            tracing::warn!(dropped, set_aside, "the compile stream held entries that are no jobs, or that nobody brought to an end");
        }
        if id.is_empty() {
            return Ok(None);
        }
        self.stream.metrics.taken(deliveries);
        Ok(Some(Entry { id, job, deliveries }))
    }

    /// The entry stays in this reader's hands for another lease. False: it is not there any more.
    ///
    /// # Errors
    /// When it was not done, or not seen to be done.
    pub async fn renew(&self, entry: &Entry) -> Result<bool, OperationError> {
        let names = &self.stream.names;
        let keys = [names.stream.as_str(), &names.job(&entry.job), &names.readers];
        self.stream.run(&scripts::RENEW, &keys, &[GROUP, &self.name, &entry.id, KNOWN_MS]).await
    }

    /// Takes the entry out of the stream. False: it is not there any more.
    ///
    /// # Errors
    /// When it was not done, or not seen to be done: another reader gets it after the lease.
    pub async fn done(&self, entry: &Entry) -> Result<bool, OperationError> {
        let names = &self.stream.names;
        self.stream.run(&scripts::DONE, &[&names.stream, &names.job(&entry.job)], &[GROUP, &entry.id]).await
    }

    /// Puts the entry back for whoever asks next. False: it is not in this reader's hands any more.
    ///
    /// # Errors
    /// When it was not done, or not seen to be done: another reader gets it after the lease.
    pub async fn give_back(&self, entry: &Entry) -> Result<bool, OperationError> {
        let names = &self.stream.names;
        let arguments = [GROUP, &self.name, &entry.id, &entry.job, KNOWN_MS];
        self.stream.run(&scripts::GIVE_BACK, &[&names.stream, &names.job(&entry.job)], &arguments).await
    }

    /// Says that this reader takes nothing more. What it has in hand goes to others after the lease.
    ///
    /// # Errors
    /// When it was not done: it is forgotten after a while.
    pub async fn leave(&self) -> Result<(), OperationError> {
        let names = &self.stream.names;
        self.stream.run(&scripts::LEAVE, &[&names.stream, &names.readers], &[GROUP, &self.name]).await
    }
}
