//! One call from verified identity to accounted outcome.
//!
//! The order is fixed: authenticate → resolve → switches → run → account;
//! circuits and quotas will stand before run. Transports convert
//! to and from [`Request`] and [`Answer`] and decide nothing.

mod accounts;
mod admission;
mod control;
mod guest_logs;
mod local_switches;
mod orders;
mod request;

pub use accounts::Accounts;
pub use admission::Admission;
pub use control::{AskedSwitch, InForce};
pub use extensions_types::Refusal;
pub use guest_logs::{GuestLogs, LogRecord};
pub use local_switches::{LocalSwitches, LocalSwitchesError};
pub use request::{Answer, AskedContext, Request};
