//! Circuit breakers: versions that fail or crawl are not called for a while.
//!
//! One breaker for each version, on this host alone. Its decisions are pure:
//! time is given, nothing is waited for. A version that had no trouble lately
//! has no breaker: its calls look at one number.

mod breaker;
mod breakers;
mod machine;
mod settings;
mod status;
mod ticket;
mod window;

pub use breaker::Key;
pub use breakers::Breakers;
pub use machine::{Change, Reason};
pub use settings::{BreakerSettings, BreakerSettingsError};
pub use status::{BreakerState, BreakerStatus, Listed};
pub use ticket::{Ended, Open, Ticket};
