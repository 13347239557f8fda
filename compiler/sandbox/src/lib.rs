//! Runs hostile build programs: no network, no credentials, bounded in everything.

use std::process::ExitCode;

mod capabilities;
mod error;
mod job;
mod sandbox;

pub use capabilities::{Capabilities, Given, Refusal};
pub use error::{Bound, SandboxError};
pub use job::{Ended, Job, Limits, Usage};
pub use sandbox::{Sandbox, THIS_BINARY};

/// Becomes the sandbox's helper when the command line asks for it; else returns.
/// To be called first thing in `main`, before any thread is started.
#[must_use]
pub fn child_main() -> Option<ExitCode> {
    None
}
