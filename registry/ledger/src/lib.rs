//! Histories and entries on an object store: nothing accepted is lost or doubled.
//!
//! The events of a history are the truth; one is created under the next number
//! where nothing is, so that of all registries one wins. Everything else is
//! derived: the snapshot (`head.json`), the entries that hosts read, the state
//! of control. Derived documents are swapped by etag and only upwards, so that
//! late, doubled and racing writers do no harm. [`Ledger::run`] is a command
//! from question to answer, [`Ledger::reconcile`] repairs what a killed one left,
//! [`Ledger::rebuild`] derives everything anew after a loss.
//!
//! The rules themselves are the core's; who may ask is the API's.

mod affected;
mod append;
mod blobs;
mod clock;
mod compiles;
mod control;
mod documents;
mod entries;
mod erased;
mod error;
mod events;
mod history;
mod ledger;
mod locks;
mod markers;
mod nudges;
mod read;
mod rebuild;
mod reconcile;
mod record;
mod stores;
mod versions;
mod watch;

pub use affected::{AFFECTED_SHOWN_MAX, Affected, Preview};
pub use append::Outcome;
pub use clock::Clock;
pub use compiles::{Awaited, COMPILES_MAX, CompileLease, CompileMarker, FoundCompile};
pub use control::ControlOutcome;
pub use error::LedgerError;
pub use history::{HistoryPage, LOOKED_AT_MAX, ListPage, PAGE_MAX};
pub use ledger::{Ledger, PROBE_WAIT};
pub use rebuild::{FINDINGS_MAX, Finding, RebuildOptions, RebuildReport, Wrong};
pub use reconcile::{EVERY, Reconciled, Reconciler};
pub use stores::Stores;
pub use versions::StoredVersion;
pub use watch::{EXTENSIONS_MAX, LOOK_EVERY, WatchItem};
