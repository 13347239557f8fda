//! One call from verified identity to accounted outcome.
//!
//! The order is fixed: authenticate → resolve → run → account; switches,
//! circuits and quotas will stand between resolve and run. Transports convert
//! to and from [`Request`] and [`Answer`] and decide nothing.

mod accounts;
mod admission;
mod guest_logs;
mod request;

pub use accounts::Accounts;
pub use admission::Admission;
pub use extensions_types::Refusal;
pub use guest_logs::{GuestLogs, LogRecord};
pub use request::{Answer, AskedContext, Request};
