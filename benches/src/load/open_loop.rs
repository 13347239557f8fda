//! Calls at a constant rate, whatever became of those before: latency counts
//! from when a call was due, so a host that stands still is charged with every
//! call that it kept waiting (no coordinated omission).
//!
//! It is bounded: what a line has no room for is not offered, and the figures
//! say how much that was. A victim's figures do not count if it was much.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZeroU64,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::sync::mpsc::{Receiver, channel};

use super::line::{Answer, Line};
use crate::harness::{Sample, Section, latencies};

/// Connections to each target: one for each I/O thread of a host here.
const LINES_PER_TARGET: usize = 2;
/// A host that stands still for so many calls on a connection is offered no more of them.
const WAITING_MAX: usize = 1_000;
/// A call that has not been answered after so many more were sent on its line
/// is not forgotten, but no more are sent: a flood costs the client bounded memory.
const UNANSWERED_MAX: usize = 1_000;
/// Later than this after it was due, a call has begun late.
const LATE: Duration = Duration::from_millis(10);
/// Answers of the last calls may take so long: above the longest wall limit.
const LAST_ANSWERS: Duration = Duration::from_secs(40);
/// Lines are open before the first call is due.
const RUN_UP: Duration = Duration::from_millis(50);
/// The pace of a load that is offered at most so much worse than asked counts.
const NOT_OFFERED_MAX: f64 = 0.01;

/// Where calls go, as whom, and what they ask.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) host: SocketAddr,
    pub(crate) token: String,
    pub(crate) frame: Bytes,
}

/// Sees each call end: when it was begun, and what came back.
pub(crate) type Watch = dyn Fn(Instant, &Answer) + Send + Sync;

/// A load that can be run again and again.
#[derive(Clone)]
pub(crate) struct OpenLoop {
    targets: Vec<Target>,
    rate: f64,
    window: Duration,
    watch: Option<Arc<Watch>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Offered {
    all: Histogram<u64>,
    windows: Vec<Histogram<u64>>,
    window: Duration,
    /// From the first call that was due to the last answer.
    lasted: Duration,
    due: u64,
    ended: u64,
    late: u64,
    cpu: Duration,
    problems: BTreeMap<String, u64>,
}

impl OpenLoop {
    /// `rate` calls a second, to each target in turn.
    pub(crate) fn new(targets: Vec<Target>, rate: f64) -> Self {
        Self { targets, rate, window: Duration::MAX, watch: None }
    }

    /// Percentiles of each `window` beside those of all.
    pub(crate) fn windows(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// With `watch` at each end of a call.
    pub(crate) fn watched(self, watch: Arc<Watch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Offers the rate for `length`, and waits for the last answers.
    pub(crate) async fn run(&self, length: Duration) -> anyhow::Result<Offered> {
        let window = self.window.min(length);
        let windows = length.as_nanos().div_ceil(window.as_nanos().max(1));
        let record = Arc::new(Mutex::new(Offered::new(usize::try_from(windows)?, window)));
        let (mut lines, mut tasks) = (Vec::new(), tokio::task::JoinSet::new());
        for _ in 0..LINES_PER_TARGET {
            for target in &self.targets {
                let (send, due) = channel(WAITING_MAX);
                let line = Line::open(target.host, &target.token, target.frame.clone()).await?;
                lines.push((send, line, due));
            }
        }
        let start = Instant::now() + RUN_UP;
        let mut ways = Vec::new();
        for (send, line, due) in lines {
            tasks.spawn(drive(line, due, Course { start, record: Arc::clone(&record), watch: self.watch.clone() }));
            ways.push(send);
        }
        let (rate, calls) = (self.rate, (self.rate * length.as_secs_f64()) as u64);
        // A thread of its own: the runtime's timers know milliseconds only.
        let offer = move || {
            wake_in_time();
            for call in 0..calls {
                let due = start + Duration::from_secs_f64(call as f64 / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                // What a full line does not take is missing in the end.
                let _ = ways[usize::try_from(call).unwrap_or_default() % ways.len()].try_send(due);
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
        offered.lasted = start.elapsed();
        Ok(offered)
    }
}

/// The kernel may wake a sleeper 50 µs late by default: longer than a call takes.
fn wake_in_time() {
    // Without it calls begin later, which they are charged with; the load is the same for all.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}

/// What the calls of one line share.
#[derive(Clone)]
struct Course {
    start: Instant,
    record: Arc<Mutex<Offered>>,
    watch: Option<Arc<Watch>>,
}

/// Sends what is due on one line; ends when nothing more is due and everything is answered.
async fn drive(mut line: Line, mut due: Receiver<Instant>, course: Course) -> anyhow::Result<()> {
    let mut answers = tokio::task::JoinSet::new();
    while let Some(due) = due.recv().await {
        while answers.len() >= UNANSWERED_MAX {
            answers.join_next().await.context("there were many")??;
        }
        let begun = Instant::now();
        let response = line.send().await?;
        let course = course.clone();
        answers.spawn(async move {
            let came = Answer::read(response).await.unwrap_or_else(|error| Answer::Refused(format!("broken: {error:#}")));
            course.ended(due, begun, &came);
        });
        // What has ended is let go.
        while let Some(done) = answers.try_join_next() {
            done?;
        }
    }
    while let Some(done) = answers.join_next().await {
        done?;
    }
    Ok(())
}

impl Course {
    fn ended(&self, due: Instant, begun: Instant, came: &Answer) {
        let nanos = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(watch) = &self.watch {
            watch(begun, came);
        }
        let mut record = lock(&self.record);
        let at = (due - self.start).as_nanos() / record.window.as_nanos().max(1);
        if let Some(window) = usize::try_from(at).ok().and_then(|at| record.windows.get_mut(at)) {
            window.saturating_record(nanos);
        }
        record.all.saturating_record(nanos);
        record.ended += 1;
        record.late += u64::from(begun.saturating_duration_since(due) > LATE);
        record.cpu += came.cpu();
        if let Some(problem) = came.problem() {
            match record.problems.get_mut(problem) {
                Some(count) => *count += 1,
                None => _ = record.problems.insert(problem.to_owned(), 1),
            }
        }
    }
}

impl Offered {
    fn new(windows: usize, window: Duration) -> Self {
        let windows = std::iter::repeat_with(latencies).take(windows).collect();
        let (lasted, cpu) = (Duration::ZERO, Duration::ZERO);
        Self { all: latencies(), windows, window, lasted, due: 0, ended: 0, late: 0, cpu, problems: BTreeMap::new() }
    }

    /// Of all calls.
    pub(crate) fn sample(&self, length: Duration) -> Sample {
        Sample::of(&self.all, length)
    }

    /// One sample for each window.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.windows.iter().map(|window| Sample::of(window, self.window)).collect()
    }

    /// Calls that were answered, in whatever way.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }

    pub(crate) fn failed(&self) -> u64 {
        self.problems.values().sum()
    }

    /// How often each problem came.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (&str, u64)> {
        self.problems.iter().map(|(problem, calls)| (problem.as_str(), *calls))
    }

    /// The part of the calls that began late or not at all.
    pub(crate) fn not_offered(&self) -> f64 {
        (self.due - self.ended + self.late) as f64 / self.due.max(1) as f64
    }

    /// CPU seconds a second that the host accounted to these calls.
    pub(crate) fn cores(&self) -> f64 {
        self.cpu.as_secs_f64() / self.lasted.as_secs_f64()
    }

    /// Doubts the section where calls failed or were not offered: percentiles of the others are no figures.
    pub(crate) fn must_be_whole(&self, whose: &str, section: &mut Section) {
        if let Some((problem, calls)) = self.problems().max_by_key(|(_, calls)| *calls) {
            section.doubt(format!("{whose}: {} of {} calls failed, {calls} with {problem}", self.failed(), self.due));
        }
        if self.not_offered() > NOT_OFFERED_MAX {
            let part = self.not_offered() * 100.0;
            section.doubt(format!("{whose}: {part:.1} % of the calls began more than {LATE:?} late or not at all"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
mod tests;
