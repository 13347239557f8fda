//! What garbage collection would do: made by a survey, read by people, applied later.

use std::collections::BTreeMap;

use extensions_artifact::{Etag, Key, Row, Swept};
use extensions_types::{SchemaV1, Sha256};
use serde::{Deserialize, Serialize};

use super::verdict::Reason;
use crate::{
    Place,
    tally::{ObjectKind, Tallies, Tally},
};

/// Objects in one plan: what more there is comes with the next one, and the
/// plan stays a document of a few MiB.
pub const ITEMS_MAX: usize = 10_000;
/// Problems named in one report; the count goes on.
pub(crate) const PROBLEMS_MAX: usize = 1_000;

/// One object that may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcItem {
    /// The store that it lies in.
    pub place: Place,
    /// Its key.
    pub path: String,
    /// Why it may go.
    pub reason: Reason,
    /// The content that was looked at.
    pub etag: Etag,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by its store's clock, in milliseconds since the Unix epoch.
    pub modified_ms: u64,
}

impl GcItem {
    pub(crate) fn new(place: Place, row: Row, reason: Reason) -> Self {
        Self { place, path: row.key.path(), reason, etag: row.etag, bytes: row.bytes, modified_ms: row.modified_ms }
    }

    pub(crate) fn key(&self) -> Option<Key> {
        Key::parse(&self.path)
    }
}

/// A plan: a dry run's result, and what an apply takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GcPlan {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// When the survey began, by the store's clock, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Every object of the layout in all stores, by kind.
    pub before: Tallies,
    /// What would be left.
    pub after: Tallies,
    /// What would go, by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// What would go.
    pub items: Vec<GcItem>,
    /// Whether more could go than one plan holds.
    pub more: bool,
    /// Files that killed processes left unfinished in a local store; they go too.
    pub staged: Tally,
    /// What the histories cannot explain, one line each.
    pub problems: Vec<String>,
}

impl GcPlan {
    pub(crate) fn new(at_ms: u64) -> Self {
        Self {
            schema: SchemaV1,
            at_ms,
            before: Tallies::default(),
            after: Tallies::default(),
            reasons: BTreeMap::new(),
            items: Vec::new(),
            more: false,
            staged: Tally::default(),
            problems: Vec::new(),
        }
    }

    /// Adds what one part of the survey found.
    pub(crate) fn add(&mut self, found: Found) {
        self.before.merge(&found.all);
        self.after.merge(&found.all);
        for item in found.items {
            if self.items.len() == ITEMS_MAX {
                self.more = true;
                break;
            }
            let kind = item.key().map_or(ObjectKind::Staged, |key| ObjectKind::from(&key));
            self.after.remove(kind, item.bytes);
            *self.reasons.entry(item.reason).or_default() += 1;
            self.items.push(item);
        }
        let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems.extend(found.problems.into_iter().take(room));
    }
}

/// What a part of a survey found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) all: Tallies,
    pub(crate) items: Vec<GcItem>,
    pub(crate) problems: Vec<String>,
    /// The components of the versions that are kept.
    pub(crate) components: Vec<Sha256>,
    /// Whether there is a history that could not be read.
    pub(crate) unread: bool,
}

impl Found {
    pub(crate) fn see(&mut self, row: &Row) {
        self.all.add(ObjectKind::from(&row.key), row.bytes);
    }
}

/// What applying a plan did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GcReport {
    /// Every object of the layout in all stores when the plan was made, by kind.
    pub before: Tallies,
    /// What was deleted.
    pub removed: Tallies,
    /// Those of them that came to be needed meanwhile and were put back.
    pub healed: Tallies,
    /// What is left of `before`.
    pub after: Tallies,
    /// Objects of the plan that stayed: changed, needed again, or a command is under way.
    pub skipped: u64,
    /// Files that killed processes left unfinished in a local store; removed too.
    pub staged: Tally,
    /// What went wrong, one line each.
    pub problems: Vec<String>,
}

/// What became of some items.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) removed: Tallies,
    pub(super) healed: Tallies,
    pub(super) skipped: u64,
    problems: Vec<String>,
}

impl Done {
    pub(super) fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.removed.merge(&other.removed);
        self.healed.merge(&other.healed);
        self.skipped += other.skipped;
        other.problems.into_iter().for_each(|problem| self.problem(problem));
    }
}

impl GcReport {
    pub(super) fn new(plan: &GcPlan, done: Done, staged: Swept) -> Self {
        let mut after = plan.before.clone();
        after.subtract(&done.removed);
        after.merge(&done.healed);
        let Done { removed, healed, skipped, problems } = done;
        let staged = Tally { count: staged.files, bytes: staged.bytes };
        Self { before: plan.before.clone(), removed, healed, after, skipped, staged, problems }
    }

    /// Whether everything went as planned or stayed for a good reason.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.problems.is_empty()
    }
}
