//! One call from verified identity to accounted outcome.
//!
//! The order is fixed: authenticate → resolve → switches → what the caller may
//! → circuit → quota → load → switches → run → account → failure contract.
//! [`Admission::invoke`] is that order; each step is a file of its own, and what
//! is decided is decided without I/O. Transports convert to and from
//! [`Request`] and [`Answer`] and decide nothing.

mod accounts;
mod admission;
mod allowed;
mod attempt;
mod batch;
mod circuits;
mod compiles;
mod contract;
mod control;
mod fall_back;
mod fallbacks;
mod guest_logs;
mod local_switches;
mod orders;
mod prepared;
mod reading;
mod refusals;
mod request;
mod resolving;
mod standing;
mod underway;

pub use accounts::{Account, Accounts, MetricsSettings, MetricsSettingsError};
pub use admission::{Admission, Parts};
pub use batch::{BATCH_INPUTS_MAX, BATCH_OUTPUT_BYTES_MAX, BatchAnswer, BatchRequest};
pub use compiles::Compiles;
pub use control::{AskedSwitch, InForce, InUse};
pub use extensions_engine::looked_at_io;
pub use extensions_types::Refusal;
pub use guest_logs::{GuestLogs, LogRecord};
pub use local_switches::{LocalSwitches, LocalSwitchesError};
pub use request::{Answer, Asked, AskedContext, Request};
