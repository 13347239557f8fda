//! Deletion, retention, garbage collection, backup and restore.
//!
//! Everything here works beside running registries and hosts, and may be killed
//! at any step: run again, it ends the same. What is deleted for good is decided
//! by events or markers first and removed afterwards; what is derived is never
//! backed up, but derived again. It decides nothing about versions: that is the
//! core's, and writes no history but through the ledger.

mod backup;
mod clock;
mod erase;
mod error;
mod gc;
mod kind;
mod objects;
mod place;
mod progress;
mod restore;
mod retain;
mod settings;
mod sweep;
mod tally;
mod track;
mod upkeep;

pub use backup::{BackupReport, HistoryRef, RunManifest, TenantManifest, VerifyReport};
pub use erase::{ErasedMarker, Erasure, ErasureReport};
pub use error::UpkeepError;
pub use gc::{GcItem, GcPlan, GcReport, ITEMS_MAX, Reason};
pub use place::Place;
pub use progress::{Progress, Step, Watcher, unwatched};
pub use restore::{RestoreOptions, RestoreReport};
pub use retain::{LogsReport, RetentionReport};
pub use settings::{RetentionSettings, SettingsError, UpkeepSettings};
pub use tally::{ObjectKind, Tallies, Tally};
pub use upkeep::Upkeep;
