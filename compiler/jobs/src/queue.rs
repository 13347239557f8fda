//! Hints that a job may be waiting: bounded, each once, fair between tenants.
//!
//! A hint is never the only trace of a job: what is lost here, the registry
//! finds again by the request's marker.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use extensions_types::TenantId;
use tokio::sync::Notify;

use crate::{JobId, JobsError};

/// Hints of all tenants: more jobs than workers get through within the ten
/// seconds after which the registry looks for waiting ones again.
pub const HINTS_MAX: usize = 1_024;
/// Hints of one tenant: others must find room.
pub const HINTS_OF_TENANT_MAX: usize = 64;

/// Where a worker learns which job may be waiting.
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug {
    /// Waits for the next hint; each is given to one worker. Cancelling it loses at most that hint.
    ///
    /// # Errors
    /// When the registry does not answer or refuses the worker.
    async fn next(&self) -> Result<JobId, JobsError>;

    /// The job behind a hint is still in hand: nobody else needs the hint yet. What
    /// cannot be told in time costs nothing but another worker's question.
    async fn renew(&self, _job: &JobId) {}

    /// The hint has served: its job has ended, or was not to be had.
    async fn done(&self, _job: &JobId) {}

    /// The hint was not followed, or not to the end: another worker may have it at once.
    async fn give_back(&self, _job: &JobId) {}
}

/// The queue of one process.
#[derive(Debug, Default)]
pub struct LocalQueue {
    hints: Mutex<Hints>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Hints {
    waiting: BTreeMap<TenantId, VecDeque<JobId>>,
    known: BTreeSet<JobId>,
    /// Tenants with hints, the next one first: each gives one, then goes to the end.
    turns: VecDeque<TenantId>,
}

impl LocalQueue {
    /// Adds a hint. False where there is no room for it, in all or for its
    /// tenant; one that is there already is kept where it is.
    pub fn offer(&self, job: JobId) -> bool {
        let taken = self.lock().offer(job);
        if taken {
            self.more.notify_one();
        }
        taken
    }

    /// The next hint, if there is one.
    #[must_use]
    pub fn try_next(&self) -> Option<JobId> {
        self.lock().take()
    }

    /// Waits for the next hint. Cancelling it loses at most that hint.
    pub async fn wait(&self) -> JobId {
        loop {
            let more = self.more.notified();
            if let Some(job) = self.try_next() {
                // One permit is kept at most: whoever takes one of several hints wakes the next.
                if !self.is_empty() {
                    self.more.notify_one();
                }
                return job;
            }
            more.await;
        }
    }

    /// How many hints wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().known.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Hints> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn next(&self) -> Result<JobId, JobsError> {
        Ok(self.wait().await)
    }
}

impl Hints {
    fn offer(&mut self, job: JobId) -> bool {
        if self.known.contains(&job) {
            return true;
        }
        let of_tenant = self.waiting.get(&job.tenant).map_or(0, VecDeque::len);
        if self.known.len() >= HINTS_MAX || of_tenant >= HINTS_OF_TENANT_MAX {
            return false;
        }
        if of_tenant == 0 {
            self.turns.push_back(job.tenant.clone());
        }
        self.known.insert(job.clone());
        self.waiting.entry(job.tenant.clone()).or_default().push_back(job);
        true
    }

    fn take(&mut self) -> Option<JobId> {
        let tenant = self.turns.pop_front()?;
        let theirs = self.waiting.get_mut(&tenant)?;
        let job = theirs.pop_front()?;
        self.known.remove(&job);
        if theirs.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use proptest::prelude::*;

    use super::*;

    fn job(tenant: &str, version: u64) -> JobId {
        format!("{tenant}/x/{version}/1").parse().unwrap()
    }

    fn drain(queue: &LocalQueue) -> Vec<String> {
        std::iter::from_fn(|| queue.try_next()).map(|job| job.to_string()).collect()
    }

    #[test]
    fn tenants_take_turns() {
        let queue = LocalQueue::default();
        for (tenant, version) in [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1), ("c", 2)] {
            assert!(queue.offer(job(tenant, version)));
        }
        assert_eq!(drain(&queue), ["a/x/1/1", "b/x/1/1", "c/x/1/1", "a/x/2/1", "c/x/2/1", "a/x/3/1"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_hint_that_is_there_is_not_doubled() {
        let queue = LocalQueue::default();
        assert!(queue.offer(job("a", 1)) && queue.offer(job("a", 1)));
        assert_eq!(drain(&queue), ["a/x/1/1"]);
        assert!(queue.offer(job("a", 1)), "a hint that was taken may come again");
    }

    #[test]
    fn a_tenant_and_the_whole_have_bounds() {
        let queue = LocalQueue::default();
        for version in 1..=HINTS_OF_TENANT_MAX as u64 {
            assert!(queue.offer(job("a", version)));
        }
        assert!(!queue.offer(job("a", 1_000)));
        assert!(queue.offer(job("a", 1)), "known");
        assert!(queue.offer(job("b", 1)));
        for tenant in 0..HINTS_MAX {
            queue.offer(job(&format!("t{tenant}"), 1));
        }
        assert_eq!(queue.len(), HINTS_MAX);
        assert!(!queue.offer(job("late", 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn every_hint_wakes_one_who_waits() {
        let queue = Arc::new(LocalQueue::default());
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let queue = Arc::clone(&queue);
                    async move { queue.next().await.unwrap() }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        for version in 1..=3 {
            queue.offer(job("a", version));
        }
        let mut got = Vec::new();
        for waiter in waiters {
            got.push(waiter.await.unwrap().version.get());
        }
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3]);
    }

    proptest! {
        /// However they come, between two jobs of one tenant every other tenant that waits has its turn.
        #[test]
        fn nobody_waits_for_more_than_one_job_of_each_other(jobs in proptest::collection::vec((0u8..4, 1u64..50), 0..80)) {
            let queue = LocalQueue::default();
            for (tenant, version) in jobs {
                queue.offer(job(&format!("t{tenant}"), version));
            }
            let order: Vec<_> = std::iter::from_fn(|| queue.try_next()).map(|job| job.tenant).collect();
            for (at, tenant) in order.iter().enumerate() {
                let before = order[..at].iter().rposition(|other| other == tenant).map_or(0, |last| last + 1);
                for other in &order[at..] {
                    let between = order[before..at].iter().filter(|one| *one == other).count();
                    prop_assert!(other == tenant || at == before || between <= 1);
                }
            }
        }
    }
}
