//! A worker: slots that take hints, claim jobs and complete them, until drained.

use std::{
    convert::Infallible,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use extensions_compile_jobs::{Claimed, Claims, Compiled, JobId, JobsError, NotCompiled, Queue, WorkerName};
use extensions_pipeline::{Tools, Workbench};
use extensions_sandbox::{Ending, Limits};
use extensions_toolchain::{Home, sdk::Sdks};
use extensions_types::{ErrorCode, Finding};
use tokio::{
    pin,
    runtime::Handle,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    isolation::Isolation,
    job::Workshop,
    journal::Journal,
    metrics::{Metrics, Outcome},
    results::Results,
    teller::{self, Lease},
};

/// After a registry that did not answer: first, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// A child of a worker that has just ended holds its lock until it has become another program.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// A result is offered again for as long as a lease may last.
const DELIVER_WITHIN: Duration = Duration::from_secs(60);

/// A build's processes are killed, which takes milliseconds; cases that run in the engine end by themselves.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What a worker is made of.
#[derive(Debug)]
pub struct Parts {
    /// What it calls itself.
    pub name: WorkerName,
    /// Where hints come from.
    pub queue: Arc<dyn Queue>,
    /// Where jobs come from and results go.
    pub claims: Arc<dyn Claims>,
    /// Toolchains and prebuilt dependencies.
    pub home: Home,
    /// The worker's own files: results, journal, the sources under way.
    pub dir: PathBuf,
    /// The packed guest SDKs.
    pub sdks: &'static Sdks,
    /// The production engine.
    pub workbench: Workbench,
    /// Where builds run.
    pub isolation: Isolation,
    /// What one build may use.
    pub limits: Limits,
    /// What all cases of one extension may take together.
    pub tests_within: Duration,
    /// Jobs at once.
    pub slots: usize,
    /// Finished compiles that are kept.
    pub results_bytes_max: u64,
    /// What is counted.
    pub metrics: Metrics,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Jobs that were under way and came to their end.
    pub finished: usize,
    /// Jobs that were given back for another worker.
    pub given_back: usize,
}

/// How far a drain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Takes,
    Drains,
    GivesBack,
}

/// A worker at work.
#[derive(Debug)]
pub struct Worker {
    inner: Arc<Inner>,
    phase: watch::Sender<Phase>,
    slots: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    name: WorkerName,
    queue: Arc<dyn Queue>,
    claims: Arc<dyn Claims>,
    shop: Arc<Workshop>,
    /// Ends the builds of jobs that are given back.
    ending: Ending,
    dir: PathBuf,
    metrics: Metrics,
    running: AtomicUsize,
    given_back: AtomicUsize,
    /// Held as long as the folder is used.
    _lock: File,
}

/// Slots and journal are one worker's.
fn alone_in(dir: &Path) -> io::Result<File> {
    std::fs::create_dir_all(dir)?;
    let lock = File::create(dir.join("lock"))?;
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    let text = format!("another worker uses {}; give each a folder of its own", dir.display());
    Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
}

impl Worker {
    /// Opens the worker's files and begins to take jobs, on the running runtime,
    /// which must have threads to block. Build what extensions share with
    /// [`warm`](crate::warm()) first.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub fn start(parts: Parts) -> io::Result<Self> {
        let dir = parts.dir;
        let lock = alone_in(&dir)?;
        let (journal, left) = Journal::open(&dir.join("journal"))?;
        for one in left {
            parts.metrics.left_by_a_crash.inc();
            let crashes = one.crashes;
            tracing::error!(job = %one.job, source = %one.source_sha256, crashes, "this job was under way when the worker ended before");
        }
        let ending = Ending::default();
        let tools = Tools { home: parts.home.for_jobs(), sdks: parts.sdks, runner: parts.isolation.runner(parts.limits, ending.clone()) };
        let results = Results::open(&dir.join("results"), parts.results_bytes_max)?;
        let shop = Workshop { tools, workbench: parts.workbench, isolation: parts.isolation, results, journal, tests_within: parts.tests_within };
        let (phase, phases) = watch::channel(Phase::Takes);
        let inner = Arc::new(Inner {
            name: parts.name,
            queue: parts.queue,
            claims: parts.claims,
            shop: Arc::new(shop),
            ending,
            dir,
            metrics: parts.metrics,
            running: AtomicUsize::new(0),
            given_back: AtomicUsize::new(0),
            _lock: lock,
        });
        let slots = (0..parts.slots).map(|slot| tokio::spawn(Arc::clone(&inner).take_jobs(slot, phases.clone()))).collect();
        Ok(Self { inner, phase, slots })
    }

    /// Takes no more jobs, lets those under way end for `within`, and gives the rest back.
    pub async fn drain(self, within: Duration) -> Drained {
        let running = self.inner.running.load(Relaxed);
        self.phase.send_replace(Phase::Drains);
        let mut slots = Box::pin(futures_of(self.slots));
        if timeout(within, &mut slots).await.is_err() {
            self.phase.send_replace(Phase::GivesBack);
            // Giving back is one short request for each; a registry that is gone lets the leases lapse.
            let _ = timeout(BACKOFF.1, slots).await;
        }
        let given_back = self.inner.given_back.load(Relaxed);
        Drained { finished: running.saturating_sub(given_back), given_back }
    }
}

async fn futures_of(slots: Vec<JoinHandle<()>>) {
    for slot in slots {
        if let Err(error) = slot.await {
            tracing::error!(%error, "a slot broke");
        }
    }
}

impl Inner {
    async fn take_jobs(self: Arc<Self>, slot: usize, mut phases: watch::Receiver<Phase>) {
        let mut pause = BACKOFF.0;
        loop {
            let hint = tokio::select! {
                _ = phases.wait_for(|phase| *phase >= Phase::Drains) => return,
                hint = self.queue.next() => hint,
            };
            let taken = match hint {
                Ok(job) => {
                    self.metrics.hints.inc();
                    self.take(&job, slot, &mut phases).await
                }
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) => pause = BACKOFF.0,
                Err(error) => {
                    self.metrics.registry_failures.inc();
                    tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "the registry gives no job now");
                    tokio::select! {
                        _ = phases.wait_for(|phase| *phase >= Phase::Drains) => return,
                        () = sleep(pause) => pause = (2 * pause).min(BACKOFF.1),
                    }
                }
            }
        }
    }

    /// Follows a hint, and tells where it came from what became of it.
    async fn take(&self, job: &JobId, slot: usize, phases: &mut watch::Receiver<Phase>) -> Result<(), JobsError> {
        let ended = match self.claims.claim(job, &self.name).await {
            Ok(Some(claimed)) => Ok(Some(self.work(claimed, slot, phases).await)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match ended {
            // Another worker may be heard where this one is not.
            Ok(Some(Outcome::GivenBack)) | Err(JobsError::Unavailable(_)) => self.queue.give_back(job).await,
            Err(JobsError::Refused { code: ErrorCode::Unauthenticated | ErrorCode::PermissionDenied, .. }) => self.queue.give_back(job).await,
            Ok(_) | Err(JobsError::Job(_) | JobsError::Refused { .. }) => self.queue.done(job).await,
        }
        ended.map(drop)
    }

    /// A job from its claim to its end.
    async fn work(&self, claimed: Claimed, slot: usize, phases: &mut watch::Receiver<Phase>) -> Outcome {
        let (job, start) = (claimed.job.clone(), Instant::now());
        self.running.fetch_add(1, Relaxed);
        self.metrics.running.inc();
        tracing::info!(%job, source = %claimed.source_sha256, slot, "a job begins");
        let outcome = self.run(claimed, slot, phases).await;
        self.metrics.running.dec();
        self.running.fetch_sub(1, Relaxed);
        self.metrics.ended(outcome, start.elapsed());
        tracing::info!(%job, ?outcome, seconds = start.elapsed().as_secs_f64(), "a job has ended");
        outcome
    }

    async fn run(&self, job: Claimed, slot: usize, phases: &mut watch::Receiver<Phase>) -> Outcome {
        let job = Arc::new(job);
        let (teller, told) = teller::channel();
        let compiling = self.compile(Arc::clone(&job), self.dir.join("slots").join(slot.to_string()), teller);
        let relaying = told.relay(&*self.claims, &job);
        let both = async { tokio::join!(compiling, relaying) };
        pin!(both);
        let gives_back = async { phases.wait_for(|phase| *phase >= Phase::GivesBack).await.map(drop) };
        let ended = tokio::select! {
            ended = &mut both => Some(ended),
            never = self.keep_hint(&job) => match never {},
            _ = gives_back => None,
        };
        let (result, lease) = match ended {
            Some(ended) => ended,
            None => {
                self.given_back.fetch_add(1, Relaxed);
                // Nobody shall build it twice at a time, nor have a build that nobody waits for.
                self.ending.end();
                if timeout(END_WITHIN, both).await.is_err() {
                    tracing::warn!(job = %job.job, "a build has not ended yet; it ends with this process");
                }
                (Err(NotCompiled::GivenBack), Lease::Held)
            }
        };
        match lease {
            Lease::Lost => Outcome::LeaseLost,
            Lease::Held => self.deliver(&job, result).await,
        }
    }

    /// Keeps the job's hint from other workers for as long as it is polled.
    async fn keep_hint(&self, job: &Claimed) -> Infallible {
        loop {
            sleep(job.lease / 3).await;
            self.queue.renew(&job.job).await;
        }
    }

    /// On a thread of its own: a build waits for its tools most of its time.
    async fn compile(&self, job: Arc<Claimed>, slot: PathBuf, teller: teller::Teller) -> Result<Compiled, NotCompiled> {
        let (shop, runtime) = (Arc::clone(&self.shop), Handle::current());
        let ended = tokio::task::spawn_blocking(move || runtime.block_on(shop.compile(&job, &slot, &teller)));
        ended.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a job broke the worker's own code");
            let message = "this source makes the compile worker itself fail; it is set aside";
            let remedy = "report it to the platform's operators, with the source";
            Err(NotCompiled::Failed(vec![Finding::new("build", "compile_poisoned", message, remedy)]))
        })
    }

    async fn deliver(&self, job: &Claimed, result: Result<Compiled, NotCompiled>) -> Outcome {
        let outcome = match &result {
            Ok(_) => Outcome::Compiled,
            Err(NotCompiled::Failed(_)) => Outcome::Failed,
            Err(NotCompiled::Unavailable(_)) => Outcome::Unavailable,
            Err(NotCompiled::Denied(_)) => Outcome::Denied,
            Err(NotCompiled::GivenBack) => Outcome::GivenBack,
        };
        let until = Instant::now() + DELIVER_WITHIN;
        let mut pause = BACKOFF.0;
        loop {
            match self.claims.complete(&job.token, result.clone()).await {
                Ok(()) => return outcome,
                Err(JobsError::Unavailable(why)) if Instant::now() + pause < until => {
                    tracing::warn!(job = %job.job, why, "a result is offered again");
                    sleep(pause).await;
                    pause = (2 * pause).min(BACKOFF.1);
                }
                Err(error) => {
                    tracing::error!(job = %job.job, %error, "a result was not taken");
                    return Outcome::NotDelivered;
                }
            }
        }
    }
}
