//! The sandbox as its user sees it.

use std::path::PathBuf;

use crate::{Capabilities, Ended, Job, Refusal, SandboxError};

/// The running binary, as a rule the helper: it must call [`crate::child_main`] first thing in `main`.
pub const THIS_BINARY: &str = "/proc/self/exe";

/// Runs jobs in isolation, each in a fresh child of the helper.
#[derive(Debug, Clone)]
pub struct Sandbox {
    helper: PathBuf,
    capabilities: Capabilities,
}

impl Sandbox {
    /// Asks the kernel what it gives, by trying each mechanism in a short child of `helper`.
    ///
    /// # Errors
    /// When the helper does not start or does not answer.
    pub fn probe(helper: impl Into<PathBuf>) -> Result<Capabilities, SandboxError> {
        let _ = helper.into();
        Err(SandboxError::Helper("not written yet".into()))
    }

    /// A sandbox on a kernel that gives what [`Sandbox::probe`] has found.
    ///
    /// # Errors
    /// Refuses when the minimum is missing.
    pub fn new(helper: impl Into<PathBuf>, capabilities: Capabilities) -> Result<Self, Refusal> {
        capabilities.require()?;
        Ok(Self { helper: helper.into(), capabilities })
    }

    /// What it is made of.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Runs one job to its end; each line of its stdout is handed to `on_line`.
    /// Blocks; when it returns, every process of the job is gone.
    ///
    /// # Errors
    /// When the job was ended at a limit, cannot be started, or the sandbox fails.
    pub fn run(&self, job: &Job, on_line: &mut dyn FnMut(&str)) -> Result<Ended, SandboxError> {
        let _ = (&self.helper, job, on_line);
        Err(SandboxError::Helper("not written yet".into()))
    }
}
