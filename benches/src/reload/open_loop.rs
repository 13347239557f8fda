//! Calls at a constant rate on both hosts, whatever became of those before:
//! latency counts from when a call was due.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::sync::mpsc::{Receiver, channel};

use super::{
    EVERY,
    line::{Answer, Line, answer},
};
use crate::rounds::{Sample, latencies};

const LINES_PER_HOST: usize = 2;
/// A host that stands still for so many calls on a connection is offered no more of them.
const WAITING_MAX: usize = 1_000;
/// Later than this after it was due, a call has begun late.
const LATE: Duration = Duration::from_millis(10);
/// Answers of the last calls may take so long.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// When each version was replaced: its promotion's answer.
pub(super) type Replaced = Arc<Mutex<BTreeMap<u64, Instant>>>;

/// A load that can be run once.
#[derive(Debug)]
pub(super) struct OpenLoop {
    pub(super) hosts: Vec<SocketAddr>,
    pub(super) token: String,
    pub(super) rate: f64,
    pub(super) window: Duration,
    replaced: Replaced,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Offered {
    all: Histogram<u64>,
    windows: Vec<Histogram<u64>>,
    window: Duration,
    due: u64,
    ended: u64,
    late: u64,
    stale: u64,
    failures: BTreeMap<String, u64>,
}

impl OpenLoop {
    pub(super) fn new(hosts: Vec<SocketAddr>, token: String, rate: f64, window: Duration) -> Self {
        Self { hosts, token, rate, window, replaced: Replaced::default() }
    }

    /// Where promotions are to be noted.
    pub(super) fn replaced(&self) -> Replaced {
        Arc::clone(&self.replaced)
    }

    /// Offers the rate for `length`, and waits for the last answers.
    pub(super) async fn run(&self, length: Duration) -> anyhow::Result<Offered> {
        let windows = length.as_nanos().div_ceil(self.window.as_nanos());
        let record = Arc::new(Mutex::new(Offered::new(usize::try_from(windows)?, self.window)));
        let (mut lines, mut tasks) = (Vec::new(), tokio::task::JoinSet::new());
        let start = Instant::now() + Duration::from_millis(50);
        for _ in 0..LINES_PER_HOST {
            for host in &self.hosts {
                let (send, due) = channel(WAITING_MAX);
                let line = Line::open(*host, &self.token).await?;
                tasks.spawn(drive(line, due, Course { start, record: Arc::clone(&record), replaced: self.replaced() }));
                lines.push(send);
            }
        }
        let (rate, calls) = (self.rate, (self.rate * length.as_secs_f64()) as u64);
        // A thread of its own: the runtime's timers know milliseconds only.
        let offer = move || {
            for call in 0..calls {
                let due = start + Duration::from_secs_f64(call as f64 / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                // What a full line does not take is missing in the end.
                let _ = lines[usize::try_from(call).unwrap_or_default() % lines.len()].try_send(due);
            }
        };
        tokio::task::spawn_blocking(offer).await?;
        let answers = async {
            while let Some(done) = tasks.join_next().await {
                done??;
            }
            anyhow::Ok(())
        };
        let answered = tokio::time::timeout(LAST_ANSWERS, answers).await;
        answered.with_context(|| format!("calls were not answered within {LAST_ANSWERS:?} after the last one"))??;
        let record = Arc::into_inner(record).context("a call is still under way")?;
        let mut offered = record.into_inner().unwrap_or_else(PoisonError::into_inner);
        offered.due = calls;
        Ok(offered)
    }
}

/// What the calls of one line share.
#[derive(Debug, Clone)]
struct Course {
    start: Instant,
    record: Arc<Mutex<Offered>>,
    replaced: Replaced,
}

/// Sends what is due on one line; ends when nothing more is due and everything is answered.
async fn drive(mut line: Line, mut due: Receiver<Instant>, course: Course) -> anyhow::Result<()> {
    let mut answers = tokio::task::JoinSet::new();
    while let Some(due) = due.recv().await {
        let begun = Instant::now();
        let response = line.send().await?;
        let course = course.clone();
        answers.spawn(async move {
            let came = answer(response).await.unwrap_or_else(|error| Answer::Refused(format!("broken: {error:#}")));
            course.ended(due, begun, came);
        });
        // What has ended is let go.
        while answers.try_join_next().is_some() {}
    }
    while let Some(done) = answers.join_next().await {
        done?;
    }
    Ok(())
}

impl Course {
    fn ended(&self, due: Instant, begun: Instant, came: Answer) {
        let stale = match &came {
            Answer::Version(version) => lock(&self.replaced).get(version).is_some_and(|at| begun > *at + EVERY),
            Answer::Refused(_) => false,
        };
        let mut record = lock(&self.record);
        let nanos = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let at = (due - self.start).as_nanos() / record.window.as_nanos();
        if let Some(window) = usize::try_from(at).ok().and_then(|at| record.windows.get_mut(at)) {
            window.saturating_record(nanos);
        }
        record.all.saturating_record(nanos);
        record.ended += 1;
        record.late += u64::from(begun.saturating_duration_since(due) > LATE);
        record.stale += u64::from(stale);
        if let Answer::Refused(problem) = came {
            *record.failures.entry(problem).or_default() += 1;
        }
    }
}

impl Offered {
    fn new(windows: usize, window: Duration) -> Self {
        let windows = std::iter::repeat_with(latencies).take(windows).collect();
        Self { all: latencies(), windows, window, due: 0, ended: 0, late: 0, stale: 0, failures: BTreeMap::new() }
    }

    pub(super) fn p99_micros(&self) -> f64 {
        self.all.value_at_quantile(0.99) as f64 / 1e3
    }

    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(super) fn first_failure(&self) -> Option<(&str, u64)> {
        self.failures.iter().next().map(|(problem, calls)| (problem.as_str(), *calls))
    }

    pub(super) fn stale(&self) -> u64 {
        self.stale
    }

    /// The part of the calls that began late or not at all.
    pub(super) fn not_offered(&self) -> f64 {
        (self.due - self.ended + self.late) as f64 / self.due.max(1) as f64
    }

    /// One sample for each window.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let of = |window: &Histogram<u64>| {
            let micros = |quantile| window.value_at_quantile(quantile) as f64 / 1e3;
            Sample { rate: window.len() as f64 / self.window.as_secs_f64(), cpu_micros: None, p50_micros: micros(0.5), p99_micros: micros(0.99) }
        };
        self.windows.iter().map(of).collect()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
