//! The lifecycle of versions: pure decisions over a history of events.
//!
//! [`decide()`] says what a command changes, or refuses it by name;
//! [`Extension::apply`] is the only way a state changes; [`entry()`] derives what
//! an environment serves. [`control`] is the same for an environment's switches.
//! Nothing here does I/O, reads a clock or makes up an id: whoever stores
//! events calls this, and whoever has verified a token says who asks.

mod actor;
pub mod bounds;
mod command;
pub mod control;
mod decide;
mod entry;
mod event;
mod parts;
mod policy;
mod recent;
mod refusal;
mod state;

pub use actor::{Actor, Authority, Caller, Person, Role};
pub use command::{Action, Command};
pub use decide::{Decision, Surroundings, check_read, decide};
pub use entry::{EntryError, Stored, entry};
pub use event::{Change, Event};
pub use extensions_types::Finding;
pub use parts::{About, AskedWaiver, Built, Draft, Pin};
pub use policy::{AgentPolicy, Policy, approvals_needed};
pub use recent::{COMMANDS_KEPT_MIN, COMMANDS_KEPT_MS, Recent, Repeat};
pub use refusal::Refusal;
pub use state::{ApplyError, Approval, Build, Extension, Past, Pusher, Rejection, Review, Serving, VersionRecord, Waiver};
