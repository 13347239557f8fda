//! Hints from a fleet's stream and from one registry: whichever comes first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    pin,
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::{JobId, JobsError, Queue};

/// After a stream that did not answer.
const STREAM_RETRY: Duration = Duration::from_secs(1);
/// A registry that has no room for one more who waits may have jobs nevertheless:
/// the stream is heard for this long before its refusal is told.
const STREAM_HEARD: Duration = Duration::from_secs(5);

/// Both places are asked all the time, by one slot of a worker at a time: a stream
/// that is gone, or that a registry cannot reach, takes no hint away, and the
/// registry knows that a worker is there.
#[derive(Debug)]
pub struct EitherQueue {
    stream: Arc<dyn Queue>,
    registry: Arc<dyn Queue>,
    turn: Mutex<()>,
    stream_is_gone: AtomicBool,
}

impl EitherQueue {
    /// Of these two.
    #[must_use]
    pub fn new(stream: Arc<dyn Queue>, registry: Arc<dyn Queue>) -> Self {
        Self { stream, registry, turn: Mutex::default(), stream_is_gone: AtomicBool::new(false) }
    }

    /// The stream's next hint, however long it is gone.
    async fn hinted_by_stream(&self) -> JobId {
        loop {
            match self.stream.next().await {
                Ok(job) => {
                    if self.stream_is_gone.swap(false, Relaxed) {
                        tracing::info!("the compile stream gives hints again");
                    }
                    return job;
                }
                Err(error) => {
                    if !self.stream_is_gone.swap(true, Relaxed) {
                        tracing::warn!(%error, "hints come from the registry alone until the compile stream is back");
                    }
                    sleep(STREAM_RETRY).await;
                }
            }
        }
    }
}

#[async_trait]
impl Queue for EitherQueue {
    async fn next(&self) -> Result<JobId, JobsError> {
        let _turn = self.turn.lock().await;
        let from_stream = self.hinted_by_stream();
        pin!(from_stream);
        let error = tokio::select! {
            job = &mut from_stream => return Ok(job),
            answer = self.registry.next() => match answer {
                Ok(job) => return Ok(job),
                Err(error) => error,
            },
        };
        timeout(STREAM_HEARD, from_stream).await.map_err(|_| error)
    }

    async fn renew(&self, job: &JobId) {
        tokio::join!(self.stream.renew(job), self.registry.renew(job));
    }

    async fn done(&self, job: &JobId) {
        tokio::join!(self.stream.done(job), self.registry.done(job));
    }

    async fn give_back(&self, job: &JobId) {
        tokio::join!(self.stream.give_back(job), self.registry.give_back(job));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::time::Instant;

    use super::*;
    use crate::LocalQueue;

    /// Answers as it was told to, then waits for ever.
    #[derive(Debug, Default)]
    struct Scripted {
        answers: std::sync::Mutex<VecDeque<Result<JobId, JobsError>>>,
        told: std::sync::Mutex<Vec<String>>,
    }

    impl Scripted {
        fn of(answers: impl IntoIterator<Item = Result<JobId, JobsError>>) -> Arc<Self> {
            Arc::new(Self { answers: std::sync::Mutex::new(answers.into_iter().collect()), told: std::sync::Mutex::default() })
        }
    }

    #[async_trait]
    impl Queue for Scripted {
        async fn next(&self) -> Result<JobId, JobsError> {
            let answer = self.answers.lock().unwrap().pop_front();
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }

        async fn done(&self, job: &JobId) {
            self.told.lock().unwrap().push(job.to_string());
        }
    }

    fn job(version: u64) -> JobId {
        format!("acme/x/{version}/1").parse().unwrap()
    }

    fn gone() -> Result<JobId, JobsError> {
        Err(JobsError::Unavailable("gone".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_gone_takes_no_hint_away() {
        let local = Arc::new(LocalQueue::default());
        assert!(local.offer(job(1)));
        let either = EitherQueue::new(Scripted::of([gone(), gone(), Ok(job(2))]), Arc::clone(&local) as _);
        assert_eq!(either.next().await, Ok(job(1)));
        assert_eq!(either.next().await, Ok(job(2)), "it is asked again until it is back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_refuses_is_told_after_the_stream_was_heard() {
        let begun = Instant::now();
        let either = EitherQueue::new(Scripted::of([]), Scripted::of([gone()]));
        assert_eq!(either.next().await, gone());
        assert_eq!(begun.elapsed(), STREAM_HEARD);
        let either = EitherQueue::new(Scripted::of([gone(), Ok(job(3))]), Scripted::of([gone()]));
        assert_eq!(either.next().await, Ok(job(3)));
    }

    #[tokio::test]
    async fn both_hear_what_became_of_a_hint() {
        let (stream, registry) = (Scripted::of([]), Scripted::of([]));
        let either = EitherQueue::new(Arc::clone(&stream) as _, Arc::clone(&registry) as _);
        either.done(&job(1)).await;
        for queue in [stream, registry] {
            assert_eq!(*queue.told.lock().unwrap(), ["acme/x/1/1"]);
        }
    }
}
