//! What a restore did, and what could not be had back.

use extensions_registry_ledger::RebuildReport;
use serde::Serialize;

use crate::tally::Tallies;

/// Lines of each list in a report; the counts go on.
const LINES_MAX: usize = 1_000;

/// What a restore did.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreReport {
    /// The backup's run.
    pub run: u64,
    /// The generation that hosts see now.
    pub generation: u64,
    /// What was put into the store, by kind.
    pub put: Tallies,
    /// Damaged objects of the store that were replaced; they are in `put` too.
    pub replaced: u64,
    /// Events that only the store had and that stay: accepted after the backup.
    pub newer_events: u64,
    /// Extensions of which the backup lacked something that the store had.
    pub newer_in_store: Vec<String>,
    /// Events set aside in the backup, since what precedes them is gone, they
    /// cannot be read, or the backup's were preferred.
    pub set_aside: u64,
    /// Events that neither had, and what was lost behind them, a line for each history.
    pub missing_events: Vec<String>,
    /// Objects that histories name and neither had.
    pub missing_objects: Vec<String>,
    /// Histories that store and backup tell differently, left as they are.
    pub parted: Vec<String>,
    /// What environments served by events that are lost, a line for each: the
    /// rebuild takes them back to what the history says.
    pub served_beyond: Vec<String>,
    /// What was deleted again, since its tenant was erased.
    pub erased: Tallies,
    /// What else is wrong, one line each.
    pub problems: Vec<String>,
    /// How heads and entries were derived.
    pub rebuild: Option<RebuildReport>,
}

impl RestoreReport {
    pub(super) fn new(run: u64, generation: u64) -> Self {
        Self {
            run,
            generation,
            put: Tallies::default(),
            replaced: 0,
            newer_events: 0,
            newer_in_store: Vec::new(),
            set_aside: 0,
            missing_events: Vec::new(),
            missing_objects: Vec::new(),
            parted: Vec::new(),
            served_beyond: Vec::new(),
            erased: Tallies::default(),
            problems: Vec::new(),
            rebuild: None,
        }
    }

    /// Whether nothing is missing, nothing goes back, and nothing waits for a person.
    #[must_use]
    pub fn complete(&self) -> bool {
        let lines = [&self.missing_events, &self.missing_objects, &self.parted, &self.served_beyond, &self.problems];
        lines.into_iter().all(Vec::is_empty) && self.rebuild.as_ref().is_some_and(RebuildReport::is_complete)
    }

    pub(super) fn problem(&mut self, problems: impl IntoIterator<Item = String>) {
        extend(&mut self.problems, problems);
    }

    pub(super) fn served_beyond(&mut self, line: String) {
        extend(&mut self.served_beyond, [line]);
    }

    pub(super) fn merge(&mut self, part: Part) {
        self.put.merge(&part.put);
        self.replaced += part.replaced;
        self.newer_events += part.newer;
        extend(&mut self.newer_in_store, part.newer_in_store);
        self.set_aside += part.set_aside;
        extend(&mut self.missing_events, part.missing_events);
        extend(&mut self.missing_objects, part.missing_objects);
        extend(&mut self.parted, part.parted);
        extend(&mut self.problems, part.problems);
    }
}

fn extend(lines: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    let room = LINES_MAX.saturating_sub(lines.len());
    lines.extend(more.into_iter().take(room));
}

/// What became of one history.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) put: Tallies,
    pub(super) replaced: u64,
    pub(super) newer: u64,
    pub(super) newer_in_store: Option<String>,
    pub(super) set_aside: u64,
    pub(super) missing_events: Option<String>,
    pub(super) missing_objects: Vec<String>,
    pub(super) parted: Option<String>,
    pub(super) problems: Vec<String>,
}
