//! How far a command is: told through a callback, decided nowhere.

use serde::Serialize;

/// What a command is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Writes the markers of an erased tenant.
    Mark,
    /// Takes entries away, so that nothing is served.
    Unserve,
    /// Waits for commands that were under way.
    Settle,
    /// Deletes objects.
    Delete,
    /// Looks at what there is.
    Survey,
    /// Deletes versions and sources by events.
    Retain,
    /// Puts back what turned out to be needed.
    Heal,
    /// Copies objects.
    Copy,
    /// Reads objects and compares their hashes.
    Verify,
    /// Puts histories back.
    Restore,
    /// Derives heads and entries.
    Rebuild,
}

/// One sign of life of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// Extensions or objects done within the step.
    pub done: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
}

/// Who wants to hear of progress.
pub type Watcher<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// A watcher that does not care.
pub fn unwatched(_: Progress) {}

/// Counts the done of one step and tells each.
#[derive(Clone, Copy)]
pub(crate) struct Counter<'a> {
    watcher: Watcher<'a>,
    step: Step,
    total: Option<u64>,
    done: u64,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(watcher: Watcher<'a>, step: Step, total: Option<usize>) -> Self {
        let counter = Self { watcher, step, total: total.map(|total| total as u64), done: 0 };
        counter.tell();
        counter
    }

    pub(crate) fn add(&mut self, done: u64) {
        self.done += done;
        self.tell();
    }

    fn tell(&self) {
        (self.watcher)(Progress { step: self.step, done: self.done, total: self.total });
    }
}
