//! Hints out of the stream that a fleet's registries and workers share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use extensions_coordination::{CompileStream, Entry, OperationError, Reader};
use extensions_types::with_causes;
use tokio::{sync::oneshot, time::sleep};

use crate::{JobId, JobsError, Queue};

/// Between two questions where nothing waits: a compile takes seconds, and Redis
/// answers ten thousands of questions in one. One that waits in Redis instead
/// would need a connection of its own.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A worker's place at the stream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StreamQueue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reader: Reader,
    /// Entries by the job that they name: as many as the worker has slots.
    in_hand: Mutex<BTreeMap<JobId, Entry>>,
}

impl StreamQueue {
    /// Reads `stream` under a name that no other worker has; what is neither done
    /// nor renewed within `lease` goes to another.
    #[must_use]
    pub fn new(stream: &CompileStream, name: &str, lease: Duration) -> Self {
        Self { inner: Arc::new(Inner { reader: stream.reader(name, lease), in_hand: Mutex::default() }) }
    }

    /// The next hint, if there is one. Cancelling it loses nothing: what Redis
    /// gives nevertheless goes back.
    async fn taken(&self) -> Result<Option<JobId>, OperationError> {
        let (sender, receiver) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            if let Err(Ok(Some(job))) = sender.send(inner.take().await) {
                inner.give_back(&job).await;
            }
        });
        // A runtime that ends gives no more hints.
        receiver.await.unwrap_or(Ok(None))
    }

    /// Says that this worker takes nothing more.
    pub async fn leave(&self) {
        heard("leaving", self.inner.reader.leave().await);
    }
}

#[async_trait]
impl Queue for StreamQueue {
    async fn next(&self) -> Result<JobId, JobsError> {
        loop {
            match self.taken().await {
                Ok(Some(job)) => return Ok(job),
                Ok(None) => sleep(ASK_EVERY).await,
                Err(error) => return Err(JobsError::Unavailable(format!("the compile stream: {}", with_causes(&error)))),
            }
        }
    }

    async fn renew(&self, job: &JobId) {
        let entry = self.inner.lock().get(job).cloned();
        if let Some(entry) = entry {
            heard("renewing", self.inner.reader.renew(&entry).await);
        }
    }

    async fn done(&self, job: &JobId) {
        let entry = self.inner.lock().remove(job);
        if let Some(entry) = entry {
            heard("ending", self.inner.reader.done(&entry).await);
        }
    }

    async fn give_back(&self, job: &JobId) {
        self.inner.give_back(job).await;
    }
}

impl Inner {
    async fn take(&self) -> Result<Option<JobId>, OperationError> {
        while let Some(entry) = self.reader.take().await? {
            match entry.job.parse::<JobId>() {
                Ok(job) => {
                    self.lock().insert(job.clone(), entry);
                    return Ok(Some(job));
                }
                Err(error) => {
                    tracing::warn!(entry = entry.job, %error, "the compile stream names no job");
                    self.reader.done(&entry).await?;
                }
            }
        }
        Ok(None)
    }

    async fn give_back(&self, job: &JobId) {
        let entry = self.lock().remove(job);
        if let Some(entry) = entry {
            heard("giving back", self.reader.give_back(&entry).await);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Entry>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not told in time costs another worker a question, after the lease.
fn heard<T>(what: &str, answer: Result<T, OperationError>) {
    if let Err(error) = answer {
        tracing::debug!(error = with_causes(&error), "{what} an entry of the compile stream was not done");
    }
}
