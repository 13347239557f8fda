//! What a backup did.

use serde::Serialize;

use crate::tally::Tallies;

/// What a backup did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The run's number.
    pub run: u64,
    /// Everything that the backup holds by this run's manifest, by kind.
    pub holds: Tallies,
    /// What was new, by kind.
    pub copied: Tallies,
    /// What was deleted from the backup, since its tenant was erased.
    pub erased: Tallies,
    /// Extensions that had not changed.
    pub unchanged: u64,
    /// What could not be copied whole, one line each.
    pub problems: Vec<String>,
}

impl BackupReport {
    /// Whether everything there was has been copied.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.problems.is_empty()
    }
}
