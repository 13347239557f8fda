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
    /// Reads `stream`, as this start of the worker `name`; what is neither done nor
    /// renewed within `lease` goes to another.
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

#[cfg(test)]
mod tests {
    use extensions_coordination::{Coordination, RedisSettings, Tended};
    use extensions_test_servers::Redis;
    use tokio::time::timeout;

    use super::*;

    /// On a machine that builds meanwhile.
    const SOON: Duration = Duration::from_secs(60);

    async fn stream(redis: &Redis) -> CompileStream {
        let settings = RedisSettings { namespace: redis.namespace(), timeout_ms: 10_000, ..RedisSettings::at(redis.url()) };
        let coordination = Coordination::open(&settings).unwrap();
        coordination.connected().await;
        CompileStream::of(&coordination)
    }

    async fn next(queue: &StreamQueue) -> String {
        timeout(SOON, queue.next()).await.unwrap().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_question_that_is_given_up_gives_back_what_it_got() {
        let redis = Redis::shared().unwrap();
        let stream = stream(&redis).await;
        let (gone, there) = (StreamQueue::new(&stream, "gone", SOON * 60), StreamQueue::new(&stream, "there", SOON * 60));
        stream.offer("acme/x/1/1").await.unwrap();
        // The question is on its way, and nobody waits for its answer.
        tokio::select! {
            biased;
            _ = gone.next() => panic!("Redis takes its time"),
            () = std::future::ready(()) => {}
        }
        while stream.tend().await.unwrap().readers == 0 {}
        assert_eq!(next(&there).await, "acme/x/1/1");
        assert!(gone.inner.lock().is_empty());
    }

    #[tokio::test]
    async fn what_names_no_job_is_passed_over_and_what_is_done_is_gone() {
        let redis = Redis::shared().unwrap();
        let stream = stream(&redis).await;
        let queue = StreamQueue::new(&stream, "w", SOON);
        for entry in ["acme/x/1", "../x/1/1", "acme/x/1/01", "acme/x/2/1"] {
            stream.offer(entry).await.unwrap();
        }
        assert_eq!(next(&queue).await, "acme/x/2/1");
        let job = "acme/x/2/1".parse().unwrap();
        queue.renew(&job).await;
        queue.done(&job).await;
        queue.done(&job).await;
        queue.give_back(&job).await;
        queue.leave().await;
        // What no reader may see stays out of its hands: `../x/1/1` was cleared away by Redis.
        assert_eq!(stream.tend().await.unwrap(), Tended { readers: 0, waiting: 0, in_hand: 0, aside: 0 });
    }

    #[tokio::test]
    async fn a_stream_without_redis_says_so_at_once() {
        let redis = Redis::start().unwrap();
        let stream = stream(&redis).await;
        let queue = StreamQueue::new(&stream, "w", SOON);
        redis.stop();
        let refused = timeout(SOON, queue.next()).await.unwrap();
        assert!(matches!(refused, Err(JobsError::Unavailable(_))), "{refused:?}");
    }
}
