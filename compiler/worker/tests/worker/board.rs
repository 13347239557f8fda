//! A registry's side of jobs, scripted: what is put here is compiled, and how it ended is told.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use extensions_compile_jobs::{
    Bundle, Claimed, Claims, CompileEvent, Compiled, JobId, JobToken, JobsError, LocalQueue, NotCompiled, Queue, WorkerName,
};
use extensions_types::Sha256;
use sha2::{Digest as _, Sha256 as Hasher};
use tokio::sync::Notify;

/// How a job ended, with what was told meanwhile.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<Compiled, NotCompiled>,
    pub(crate) events: Vec<CompileEvent>,
}

#[derive(Debug, Default)]
struct Jobs {
    next: u64,
    sources: BTreeMap<String, Bytes>,
    events: BTreeMap<String, Vec<CompileEvent>>,
    results: BTreeMap<String, Result<Compiled, NotCompiled>>,
}

/// The board.
#[derive(Debug, Default)]
pub(crate) struct Board {
    queue: LocalQueue,
    jobs: Mutex<Jobs>,
    ended: Notify,
    claimed: Notify,
}

impl Board {
    /// Waits until a job is in the worker's hands.
    pub(crate) async fn claimed(&self) {
        self.claimed.notified().await;
    }

    /// Has a bundle compiled.
    pub(crate) async fn compile(&self, bundle: &Bundle) -> Ended {
        self.compile_bytes(bundle.pack().unwrap().into()).await
    }

    pub(crate) async fn compile_bytes(&self, source: Bytes) -> Ended {
        let job: JobId = {
            let mut jobs = self.jobs.lock().unwrap();
            jobs.next += 1;
            let job = format!("acme/rule/{}/1", jobs.next);
            jobs.sources.insert(job.clone(), source);
            job.parse().unwrap()
        };
        assert!(self.queue.offer(job.clone()));
        let key = job.to_string();
        loop {
            let ended = self.ended.notified();
            if let Some(ended) = self.taken(&key) {
                return ended;
            }
            ended.await;
        }
    }

    fn taken(&self, key: &str) -> Option<Ended> {
        let mut jobs = self.jobs.lock().unwrap();
        let result = jobs.results.remove(key)?;
        Some(Ended { result, events: jobs.events.remove(key).unwrap_or_default() })
    }
}

#[async_trait]
impl Queue for Board {
    async fn next(&self) -> Result<JobId, JobsError> {
        self.queue.next().await
    }
}

#[async_trait]
impl Claims for Board {
    async fn claim(&self, job: &JobId, _: &WorkerName) -> Result<Option<Claimed>, JobsError> {
        let source = self.jobs.lock().unwrap().sources.remove(&job.to_string());
        self.claimed.notify_one();
        Ok(source.map(|source| Claimed {
            job: job.clone(),
            source_sha256: Sha256::new(Hasher::digest(&source).into()),
            source,
            created_by: "kim".to_owned(),
            pushed_by_issuer: "somebody".into(),
            asked_by_issuer: "somebody".into(),
            token: JobToken::parse(&job.to_string()).unwrap(),
            lease: Duration::from_secs(60),
        }))
    }

    async fn report(&self, token: &JobToken, events: Vec<CompileEvent>) -> Result<(), JobsError> {
        self.jobs.lock().unwrap().events.entry(token.as_str().to_owned()).or_default().extend(events);
        Ok(())
    }

    async fn complete(&self, token: &JobToken, result: Result<Compiled, NotCompiled>) -> Result<(), JobsError> {
        self.jobs.lock().unwrap().results.insert(token.as_str().to_owned(), result);
        self.ended.notify_waiters();
        Ok(())
    }
}
