//! What a rebuild found and did.

use std::sync::{Mutex, PoisonError};

use extensions_artifact::{Key, Owned};
use extensions_types::{ExtensionId, TenantId};
use serde::Serialize;

/// Findings that a report holds; more are counted.
pub const FINDINGS_MAX: usize = 10_000;

/// Counts, and everything that is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// Extensions looked at.
    pub extensions: u64,
    /// Events that hold together from the first on.
    pub events: u64,
    /// Snapshots written.
    pub heads: u64,
    /// Entries written.
    pub entries: u64,
    /// Entries taken away: the history knows nothing of them.
    pub entries_removed: u64,
    /// Controls written.
    pub controls: u64,
    /// Components put back into the registry's store from an environment's.
    pub components_restored: u64,
    /// The highest generation given.
    pub generation: u64,
    /// What is missing or wrong, in no order.
    pub findings: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`].
    pub findings_left_out: u64,
}

/// One thing that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose extension; none for control.
    pub tenant: Option<TenantId>,
    /// The extension.
    pub extension: Option<ExtensionId>,
    /// The object concerned.
    pub key: String,
    /// What is the matter.
    pub wrong: Wrong,
    /// More, for operators.
    pub detail: String,
}

/// What can be the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// An event is not there, but later ones are: they do not count.
    EventMissing,
    /// An event cannot be read or does not follow from those before it; later ones do not count.
    EventBroken,
    /// An event behind a missing or broken one.
    EventStranded,
    /// A version's object is gone.
    ObjectMissing,
    /// A version's object has other bytes than were committed.
    ObjectDamaged,
    /// A component that an environment's entry lists is not in its store.
    NotInPlace,
    /// A derived document could not be written.
    NotWritten,
    /// A store could not be read.
    Unreadable,
}

impl RebuildReport {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.findings.is_empty()
    }
}

/// A report that many add to.
#[derive(Debug, Default)]
pub(super) struct Reporting(Mutex<RebuildReport>);

impl Reporting {
    pub(super) fn count(&self, count: impl FnOnce(&mut RebuildReport)) {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn find(&self, key: &Key, wrong: Wrong, detail: impl Into<String>) {
        let owner = owner(key);
        let (tenant, extension) = (owner.map(|of| of.tenant.clone()), owner.map(|of| of.extension.clone()));
        let finding = Finding { tenant, extension, key: key.path(), wrong, detail: detail.into() };
        self.count(|report| if report.findings.len() < FINDINGS_MAX { report.findings.push(finding) } else { report.findings_left_out += 1 });
    }

    pub(super) fn into_report(self) -> RebuildReport {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owner(key: &Key) -> Option<&Owned> {
    match key {
        Key::Event { of, .. }
        | Key::Head { of }
        | Key::Component { of, .. }
        | Key::Definition { of, .. }
        | Key::Source { of, .. }
        | Key::Entry { of, .. }
        | Key::Pending { of, .. }
        | Key::Compile { of, .. } => Some(of),
        _ => None,
    }
}
