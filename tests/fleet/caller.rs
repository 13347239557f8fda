//! Callers who go on while something breaks, and remember what they were answered.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use extensions_client::{Client, Endpoint, Invoke};
use extensions_test_support::event;
use extensions_types::with_causes;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::cast::{Fleet, Host, RULE, STEADY};

/// One caller's rate: enough to hit every moment of a fault, and little beside what a test does otherwise.
const EVERY: Duration = Duration::from_millis(15);
/// An answer that takes longer is a failure: a warm extension answers within a millisecond, on a machine that has time.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Calls one extension at one host, one call after the other, until it is asked to end.
pub(crate) struct Caller {
    tally: Arc<Mutex<Tally>>,
    calls: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

/// What was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    /// What failed, in words, with the number of the call.
    pub(crate) failures: Vec<(u64, String)>,
    /// The versions that answered, each as often as it began to.
    pub(crate) versions: Vec<u64>,
}

impl Caller {
    pub(crate) fn begin(url: &str, token: String, extension: &str) -> Self {
        let endpoint: Endpoint = url.parse().unwrap();
        let client = Client::builder().token(token).retries(0).timeout(ANSWER_MAX).connect(&endpoint).unwrap();
        let (tally, (told, calls)) = (Arc::<Mutex<Tally>>::default(), watch::channel(0));
        let (kept, extension) = (Arc::clone(&tally), extension.to_owned());
        let task = tokio::spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let answer = client.invoke(Invoke::new(&extension).point("task")).await;
                let answered = answer.map(|answer| answer.served_version.get()).map_err(|error| with_causes(&error));
                kept.lock().unwrap_or_else(PoisonError::into_inner).note(answered);
                told.send_modify(|calls| *calls += 1);
            }
        });
        Self { tally, calls, task }
    }

    /// What was answered until now.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many calls more have ended: they began and ended under what holds now, but for the first.
    pub(crate) async fn calls_more(&self, number: u64) {
        let until = *self.calls.borrow() + number + 1;
        event(self.calls.clone().wait_for(|calls| *calls >= until)).await.unwrap();
    }

    /// Waits until `version` answers.
    pub(crate) async fn answered_by(&self, version: u64) {
        let mut calls = self.calls.clone();
        let found = event(calls.wait_for(|_| self.tally().versions.last() == Some(&version)));
        found.await.unwrap();
    }

    /// Ends calling; the call under way does not count.
    pub(crate) async fn end(self) -> Tally {
        self.task.abort();
        let _ = self.task.await;
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Callers of the extension that walks and of the one that stays, at each of several hosts.
pub(crate) struct Callers {
    pub(crate) rule: Vec<Caller>,
    pub(crate) steady: Vec<Caller>,
}

impl Callers {
    pub(crate) fn begin<'h>(fleet: &Fleet, hosts: impl IntoIterator<Item = &'h Host>) -> Self {
        let (rule, steady) = hosts.into_iter().map(|host| (fleet.caller(host, RULE), fleet.caller(host, STEADY))).unzip();
        Self { rule, steady }
    }

    /// Waits until each has been answered some times more.
    pub(crate) async fn go_on(&self) {
        for caller in self.rule.iter().chain(&self.steady) {
            caller.calls_more(10).await;
        }
    }

    /// Waits until the extension that walks answers everywhere by `version`.
    pub(crate) async fn answered_by(&self, version: u64) {
        for caller in &self.rule {
            caller.answered_by(version).await;
        }
    }

    /// Ends them: not one call failed, and no host went back along `history`.
    pub(crate) async fn end_along(self, history: &[u64]) {
        for caller in self.rule {
            caller.end().await.unfailing_along(history);
        }
        for caller in self.steady {
            caller.end().await.unfailing_along(&[1]);
        }
    }
}

impl Tally {
    fn note(&mut self, answered: Result<u64, String>) {
        self.calls += 1;
        match answered {
            Err(problem) => self.failures.push((self.calls, problem)),
            Ok(version) if self.versions.last() == Some(&version) => {}
            Ok(version) => self.versions.push(version),
        }
    }

    /// Not one call failed, and each version that answered came, in this order, from `history`.
    pub(crate) fn unfailing_along(&self, history: &[u64]) {
        assert!(
            self.failures.is_empty(),
            "{} of {} calls failed: {:?}",
            self.failures.len(),
            self.calls,
            &self.failures[..self.failures.len().min(5)]
        );
        assert!(self.calls > 0, "nobody called");
        self.along(history);
    }

    /// What answered never went back: it is `history` with some of it left out.
    pub(crate) fn along(&self, history: &[u64]) {
        let mut left = history.iter();
        let in_order = self.versions.iter().all(|version| left.any(|served| served == version));
        assert!(in_order, "versions {:?} answered, while {history:?} were served", self.versions);
    }
}
