//! Backup: the truth, copied into another store as it is.
//!
//! Events, the objects that they say there are, the events of controls and the
//! markers of erased tenants; what is derived is left out. Objects never change,
//! so a run copies only what is new. Each history is consistent in itself, which
//! is all that histories promise each other. The manifest comes last: a run
//! without one never happened, and the next one takes up what it copied.

mod copy;
mod manifest;
mod report;
mod verify;

pub use manifest::{HistoryRef, RunManifest, TenantManifest};
pub(crate) use manifest::{latest, of_tenant};
pub use report::BackupReport;
pub use verify::VerifyReport;
