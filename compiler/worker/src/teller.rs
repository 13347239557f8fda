//! From a build's progress to reports at a bounded rate, which also keep the lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use extensions_compile_jobs::{Claimed, Claims, CompileEvent, JobsError, REPORT_EVENTS_MAX};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{Instant, sleep, sleep_until},
};

/// Events that may wait for a report; a build that says more is cut, not slowed.
const WAITING_MAX: usize = 4 * REPORT_EVENTS_MAX;
/// Text of one report: what a registry takes, less what surrounds it.
const REPORT_BYTES_MAX: usize = 192 << 10;
/// Between two reports: the registry takes two a second.
const PAUSE: Duration = Duration::from_millis(600);

/// Takes events from a build, which never waits for a network.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    events: Sender<CompileEvent>,
    lost: Arc<AtomicU64>,
}

/// The other end of a [`Teller`].
#[derive(Debug)]
pub(crate) struct Told {
    events: Receiver<CompileEvent>,
    lost: Arc<AtomicU64>,
}

/// Whether the job is still this worker's when its build has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    Held,
    Lost,
}

pub(crate) fn channel() -> (Teller, Told) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    (Teller { events: sender, lost: Arc::clone(&lost) }, Told { events: receiver, lost })
}

impl Teller {
    pub(crate) fn say(&self, event: CompileEvent) {
        if self.events.try_send(event.cut()).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn diagnostic(&self, level: &str, text: String) {
        self.say(CompileEvent::Diagnostic { level: level.to_owned(), text });
    }
}

impl Told {
    /// Reports until the build's end, and without events often enough to keep the lease.
    pub(crate) async fn relay(mut self, claims: &dyn Claims, job: &Claimed) -> Lease {
        let renew = job.lease / 3;
        let mut next = Instant::now();
        let mut open = true;
        while open {
            let mut batch = Batch::default();
            let ended = tokio::select! {
                event = self.events.recv() => event.map(|event| batch.add(event)).is_none(),
                () = sleep(renew) => false,
            };
            // The last report need not wait: a registry lets a few come at once.
            open = !ended && self.fill(&mut batch, next).await;
            if !open {
                batch.say_lost(self.lost.swap(0, Relaxed));
            }
            if ended && batch.events.is_empty() {
                break;
            }
            match claims.report(&job.token, batch.events).await {
                Ok(()) => {}
                Err(JobsError::Job(reason)) => {
                    tracing::warn!(job = %job.job, %reason, "the job is no longer this worker's; its result will not be sent");
                    // The build goes on to its end: what it says is heard by nobody.
                    while self.events.recv().await.is_some() {}
                    return Lease::Lost;
                }
                // Progress is not repeated; the next report renews the lease.
                Err(error) => tracing::warn!(job = %job.job, %error, "progress could not be reported"),
            }
            next = Instant::now() + PAUSE;
        }
        Lease::Held
    }

    /// Gathers what comes until a report may be sent; false when the build has ended.
    async fn fill(&mut self, batch: &mut Batch, until: Instant) -> bool {
        loop {
            tokio::select! {
                biased;
                event = self.events.recv(), if batch.has_room() => match event {
                    Some(event) => batch.add(event),
                    None => return false,
                },
                () = sleep_until(until) => return true,
            }
        }
    }
}

#[derive(Debug, Default)]
struct Batch {
    events: Vec<CompileEvent>,
    bytes: usize,
}

impl Batch {
    fn has_room(&self) -> bool {
        // One place is for the word about what was left out, and one text's room.
        self.events.len() + 1 < REPORT_EVENTS_MAX && self.bytes < REPORT_BYTES_MAX
    }

    fn add(&mut self, event: CompileEvent) {
        self.bytes += match &event {
            CompileEvent::StepStarted(step) => step.len(),
            CompileEvent::StepDone { step, summary, .. } => step.len() + summary.len(),
            CompileEvent::Diagnostic { level, text } => level.len() + text.len(),
        };
        self.events.push(event);
    }

    fn say_lost(&mut self, lost: u64) {
        if lost > 0 {
            let text = format!("{lost} more messages came faster than they are told and were left out");
            self.events.push(CompileEvent::Diagnostic { level: "note".to_owned(), text });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bytes::Bytes;
    use extensions_compile_jobs::{Compiled, JobId, JobRefused, JobToken, NotCompiled, WorkerName};
    use extensions_types::Sha256;

    use super::*;

    #[derive(Debug, Default)]
    struct Board {
        reports: Mutex<Vec<Vec<CompileEvent>>>,
        refuse: bool,
    }

    #[async_trait]
    impl Claims for Board {
        async fn claim(&self, _: &JobId, _: &WorkerName) -> Result<Option<Claimed>, JobsError> {
            Ok(None)
        }

        async fn report(&self, _: &JobToken, events: Vec<CompileEvent>) -> Result<(), JobsError> {
            self.reports.lock().unwrap().push(events);
            if self.refuse { Err(JobRefused::OtherAttempt.into()) } else { Ok(()) }
        }

        async fn complete(&self, _: &JobToken, _: Result<Compiled, NotCompiled>) -> Result<(), JobsError> {
            Ok(())
        }
    }

    fn job() -> Claimed {
        Claimed {
            job: "acme/x/1/1".parse().unwrap(),
            source: Bytes::new(),
            source_sha256: Sha256::new([0; 32]),
            created_by: String::new(),
            pushed_by_issuer: "a".into(),
            asked_by_issuer: "a".into(),
            token: JobToken::parse("t").unwrap(),
            lease: Duration::from_secs(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_bounded_and_said() {
        let (teller, told) = channel();
        for number in 0..10_000 {
            teller.diagnostic("warning", format!("{number} {}", "x".repeat(2_000)));
        }
        drop(teller);
        let board = Board::default();
        let start = Instant::now();
        assert_eq!(told.relay(&board, &job()).await, Lease::Held);
        let reports = board.reports.into_inner().unwrap();
        let events: Vec<_> = reports.iter().flatten().collect();
        assert_eq!(events.len(), WAITING_MAX + 1);
        assert!(matches!(events.last(), Some(CompileEvent::Diagnostic { level, text }) if level == "note" && text.starts_with("9744 ")));
        assert!(reports.iter().all(|report| report.len() <= REPORT_EVENTS_MAX));
        assert!(reports.len() > 3 && start.elapsed() >= PAUSE * (reports.len() as u32 - 2), "all but the last keep their distance");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_build_keeps_its_lease() {
        let (teller, told) = channel();
        let board = Arc::new(Board::default());
        let relaying = tokio::spawn({
            let board = Arc::clone(&board);
            async move { told.relay(&*board, &job()).await }
        });
        sleep(Duration::from_secs(130)).await;
        drop(teller);
        assert_eq!(relaying.await.unwrap(), Lease::Held);
        assert!((6..=8).contains(&board.reports.lock().unwrap().len()), "each third of a lease");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_lease_is_known_at_the_end() {
        let (teller, told) = channel();
        let board = Board { refuse: true, ..Board::default() };
        for _ in 0..3 {
            teller.diagnostic("note", String::new());
        }
        drop(teller);
        assert_eq!(told.relay(&board, &job()).await, Lease::Lost);
        assert_eq!(board.reports.into_inner().unwrap().len(), 1);
    }
}
