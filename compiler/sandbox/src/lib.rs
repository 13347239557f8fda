//! Runs hostile build programs: no network, no credentials, bounded in everything.

mod capabilities;
mod child;
mod collect;
mod error;
mod job;
mod output;
mod sandbox;
mod wire;

pub use capabilities::{Capabilities, Given, Refusal};
pub use child::child_main;
pub use error::{Bound, SandboxError};
pub use job::{Ended, Job, Limits, Usage};
pub use sandbox::{Sandbox, THIS_BINARY};
