//! Compiles under way: each runs once, whoever listens.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use extensions_artifact::Owned;
use extensions_types::{Refusal, TenantId, Version};
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::{
    CompileView,
    refuse::{overloaded, unavailable},
};

/// Compiles that run or wait, of everyone.
const JOBS_MAX: usize = 64;
/// Of one tenant: others must find room.
const JOBS_OF_TENANT_MAX: usize = 8;
/// Progress that is kept for those who join later: a build of a large rule tells some hundred lines.
const LINES_MAX: usize = 1_000;

/// Which draft.
pub(super) type JobKey = (Owned, Version);

/// Compiles by draft.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    running: Arc<Mutex<BTreeMap<JobKey, Arc<Job>>>>,
}

/// One compile: what it told so far.
#[derive(Debug)]
pub(super) struct Job {
    log: Mutex<Log>,
    /// Counts what the log has told.
    told: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<CompileView>,
    end: Option<Result<CompileView, Refusal>>,
}

/// The hand of whoever works on a job. However it ends, the job does too.
#[derive(Debug)]
pub(super) struct Worker {
    key: JobKey,
    job: Arc<Job>,
    running: Arc<Mutex<BTreeMap<JobKey, Arc<Job>>>>,
}

impl Jobs {
    /// Joins the compile of a draft, or begins one: then there is a worker to run.
    pub(super) fn join(&self, key: JobKey) -> Result<(Arc<Job>, Option<Worker>), Refusal> {
        let mut running = lock(&self.running);
        let of_tenant = |tenant: &TenantId| running.keys().filter(|(of, _)| of.tenant == *tenant).count();
        if !running.contains_key(&key) && (running.len() >= JOBS_MAX || of_tenant(&key.0.tenant) >= JOBS_OF_TENANT_MAX) {
            return Err(overloaded("as many compiles as there is room for are under way; try again"));
        }
        match running.entry(key) {
            Entry::Occupied(there) => Ok((Arc::clone(there.get()), None)),
            Entry::Vacant(place) => {
                let job = Arc::new(Job { log: Mutex::default(), told: watch::Sender::new(0) });
                let worker = Worker { key: place.key().clone(), job: Arc::clone(&job), running: Arc::clone(&self.running) };
                place.insert(Arc::clone(&job));
                Ok((job, Some(worker)))
            }
        }
    }
}

impl Worker {
    /// Tells those who listen.
    pub(super) fn tell(&self, line: CompileView) {
        let mut log = lock(&self.job.log);
        if log.lines.len() < LINES_MAX {
            log.lines.push(line);
        }
        let told = log.lines.len();
        drop(log);
        self.job.told.send_replace(told);
    }

    /// Says how it ended.
    pub(super) fn end(self, end: Result<CompileView, Refusal>) {
        lock(&self.job.log).end = Some(end);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
        let mut log = lock(&self.job.log);
        let lost = || Err(unavailable("the compile was broken off; ask for it again"));
        log.end.get_or_insert_with(lost);
        drop(log);
        self.job.told.send_replace(usize::MAX);
    }
}

impl Job {
    /// Everything that it told, and tells, and how it ends.
    pub(super) fn follow(self: Arc<Self>) -> impl Stream<Item = Result<CompileView, Refusal>> + Send {
        let told = self.told.subscribe();
        stream::unfold(Some((self, told, 0)), |following| async {
            let (job, mut told, next) = following?;
            loop {
                // Marked before the look: what comes after it wakes.
                told.borrow_and_update();
                match job.at(next) {
                    Some((item, true)) => return Some((item, None)),
                    Some((item, false)) => return Some((item, Some((job, told, next + 1)))),
                    // The sender is the job's own, so it cannot be gone.
                    None => told.changed().await.ok()?,
                }
            }
        })
    }

    /// Line `next`, or the end behind the last; and whether it is the end.
    fn at(&self, next: usize) -> Option<(Result<CompileView, Refusal>, bool)> {
        let log = lock(&self.log);
        log.lines.get(next).map(|line| (Ok(line.clone()), false)).or_else(|| log.end.clone().map(|end| (end, true)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use extensions_types::{ErrorCode, ExtensionId};
    use futures_util::StreamExt as _;

    use super::*;

    fn key(tenant: &str, number: u64) -> JobKey {
        (Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse("x").unwrap()), Version::new(number).unwrap())
    }

    fn line(text: &str) -> CompileView {
        CompileView::StepStarted { step: text.to_owned() }
    }

    #[tokio::test]
    async fn who_joins_late_hears_everything_and_the_end_once() {
        let jobs = Jobs::default();
        let (first, worker) = jobs.join(key("acme", 1)).unwrap();
        let worker = worker.unwrap();
        worker.tell(line("a"));
        let (second, none) = jobs.join(key("acme", 1)).unwrap();
        assert!(none.is_none() && Arc::ptr_eq(&first, &second));
        let early = tokio::spawn(first.follow().collect::<Vec<_>>());
        worker.tell(line("b"));
        worker.end(Ok(line("end")));
        let expected = [Ok(line("a")), Ok(line("b")), Ok(line("end"))];
        assert_eq!(early.await.unwrap(), expected);
        assert_eq!(second.follow().collect::<Vec<_>>().await, expected);
        assert!(jobs.join(key("acme", 1)).unwrap().1.is_some(), "an ended job is not joined");
    }

    #[tokio::test]
    async fn a_worker_that_falls_ends_its_job() {
        let jobs = Jobs::default();
        let (job, worker) = jobs.join(key("acme", 1)).unwrap();
        let task = tokio::spawn(async move {
            let _worker = worker;
            panic!("a fault of the compiler");
        });
        assert!(task.await.is_err());
        let end = job.follow().collect::<Vec<_>>().await;
        assert_eq!(end.len(), 1);
        assert_eq!(end[0].as_ref().unwrap_err().code, ErrorCode::Unavailable);
    }

    #[test]
    fn one_tenant_leaves_room_for_others() {
        let jobs = Jobs::default();
        let workers: Vec<_> = (1..=JOBS_OF_TENANT_MAX as u64).map(|number| jobs.join(key("acme", number)).unwrap().1).collect();
        assert_eq!(jobs.join(key("acme", 100)).unwrap_err().code, ErrorCode::Overloaded);
        assert!(jobs.join(key("acme", 1)).is_ok(), "joining takes no room");
        assert!(jobs.join(key("other", 1)).is_ok());
        drop(workers);
        assert!(jobs.join(key("acme", 100)).is_ok());
    }
}
