//! What each tenant and extension may use, and what they use now.
//!
//! [`Quotas`] are the records of one host: a call passes the [`Gate`] of
//! its extension and holds its [`Permit`] until its instance is gone. All state is in atomics: the
//! idle-class threads that give back and charge can be stopped at any point, so
//! nothing that an I/O thread waits for may be theirs. Time is passed in.

mod account;
mod admit;
mod bounds;
mod bucket;
mod clock;
mod counts;
mod flight;
mod fraction;
mod gate;
mod over;
mod permit;
mod quotas;
mod settings;
mod shares;
mod shelf;
mod tenant;
mod terms;
mod unclaimed;
mod usage;

pub use admit::Asked;
pub use counts::{QuotaCounts, Refused};
pub use fraction::Fraction;
pub use gate::{Gate, NoPass};
pub use over::{Limited, OverQuota, QuotaScope};
pub use permit::Permit;
pub use quotas::Quotas;
pub use settings::{QuotaSettings, QuotaSettingsError};
pub use shares::{Demand, FleetScope};
pub use usage::{ScopeUsage, Usage};
