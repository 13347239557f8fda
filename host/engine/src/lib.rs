//! Runs one extension once: a fresh instance under limits, in the fast or the slow lane.
//!
//! A call starts as a fiber on the thread that received it ([`Engine::invoke`]).
//! Most end within their first slice; one that does not is handed to the slow
//! lane and goes on there. Limits hold wherever it runs and whoever waits.

mod bindings;
mod budget;
mod call;
mod clock;
mod control;
mod engine;
mod extension;
mod fast_lane;
mod figures;
mod guest;
mod history;
mod host_calls;
mod invocation;
mod logs;
mod mapped;
mod memory;
mod observer;
mod orders;
mod outcome;
mod plain;
mod ready;
mod run;
mod scheduling;
mod slice;
mod slow_lane;
pub mod swap;
#[cfg(test)]
mod tests;
mod ticker;
mod verdict;
mod watch;
mod yielded;

pub use call::{Call, Failure, LogLevel, LogLine, Outcome, Stats};
pub use engine::{Engine, Settings, StartError};
pub use extension::{Extension, LoadError};
pub use fast_lane::looked_at_io;
pub use figures::{Dropped, Figures, Lane};
pub use host_calls::{DenyAll, HostCallError, HostCalls};
pub use mapped::{Mapped, WeakMapped};
pub use observer::{Observer, Unobserved};
pub use orders::Orders;
pub use ready::{MemoryRoom, ReadyFigures};
