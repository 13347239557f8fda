//! An environment's control, in the form of the lifecycle: commands of
//! operators and of imported files, events, and a state derived from them.

mod action;
mod change;
mod decide;
mod import;
mod state;

pub use action::ControlAction;
pub use change::ControlChange;
pub use decide::decide;
pub use import::{Wanted, WantedPolicy, WantedSwitch};
pub use state::{Control, ControlApplyError, Replaced};

use crate::{Command, Event};

/// Switches of one environment: each is a line that an operator must keep in
/// mind, and hosts read them all at every change.
pub const SWITCHES_MAX: usize = 1_000;
/// Quotas of one environment: the largest tenants and what must be held back;
/// the rest live by the environment's.
pub const QUOTAS_MAX: usize = 1_000;
/// Weights of one environment, as quotas.
pub const WEIGHTS_MAX: usize = 1_000;
/// Policies of one environment: each host call asks all that cover it.
pub const POLICIES_MAX: usize = 100;
/// Tightenings of one environment: a failed call asks for those that cover it,
/// and the environment's own deny for all.
pub const TIGHTENINGS_MAX: usize = 100;
/// Methods that one policy lists: more than the adapters of a platform have.
pub const POLICY_METHODS_MAX: usize = 128;
/// Bytes kept of who set something: a subject and one who acted for it.
pub(crate) const WHO_BYTES_MAX: usize = 256;

/// A command to an environment's control.
pub type ControlCommand = Command<ControlAction>;
/// An event of an environment's control.
pub type ControlEvent = Event<ControlChange>;
