//! What keeps a build from everything else, and whose source may be built there.

use std::sync::Arc;

use extensions_compile_jobs::{Claimed, NotCompiled};
use extensions_sandbox::{Ending, Limits, Refusal, Sandbox, SandboxError};
use extensions_toolchain::{Direct, Runner};

use crate::runner::SandboxRunner;

/// Where foreign build scripts run.
#[derive(Debug, Clone)]
pub enum Isolation {
    /// In the sandbox: anybody's source.
    Sandboxed(Arc<Sandbox>),
    /// On this machine as it is: only source that identities of this issuer pushed
    /// and ask for. For a developer's own machine whose kernel gives no sandbox.
    OwnSourceOnly {
        /// The issuer of the machine's own identities.
        issuer: String,
    },
}

/// Builds cannot be isolated here.
#[derive(Debug, thiserror::Error)]
pub enum NotIsolated {
    /// What the kernel gives could not be found out.
    #[error("cannot find out what this kernel gives")]
    Probe(#[from] SandboxError),
    /// The kernel gives too little.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Isolation {
    /// The sandbox, where this kernel gives it. `helper` is a binary that calls
    /// [`extensions_sandbox::child_main`]: as a rule the running one.
    ///
    /// # Errors
    /// Says what the kernel lacks.
    pub fn of_this_kernel(helper: &str) -> Result<Self, NotIsolated> {
        Ok(Self::Sandboxed(Arc::new(Sandbox::new(helper, Sandbox::probe(helper)?)?)))
    }

    /// One line for logs and evidence.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Sandboxed(sandbox) => sandbox.capabilities().to_string(),
            Self::OwnSourceOnly { .. } => "none".to_owned(),
        }
    }

    /// Runs toolchains there, each program within `limits` and until `ending` ends it;
    /// without a sandbox a program ends by itself or at its plan's time.
    #[must_use]
    pub fn runner(&self, limits: Limits, ending: Ending) -> Arc<dyn Runner> {
        match self {
            Self::Sandboxed(sandbox) => Arc::new(SandboxRunner::new(Arc::clone(sandbox), limits, ending)),
            Self::OwnSourceOnly { .. } => Arc::new(Direct),
        }
    }

    /// Whether this job's source may be built here.
    pub(crate) fn admits(&self, job: &Claimed) -> Result<(), NotCompiled> {
        match self {
            Self::OwnSourceOnly { issuer } if *issuer != *job.pushed_by_issuer || *issuer != *job.asked_by_issuer => {
                let text = "this machine's kernel isolates no builds, so it compiles only what its own identities push; \
                            push a component (`ext build`, `ext push FILE`)";
                Err(NotCompiled::Denied(text.to_owned()))
            }
            Self::Sandboxed(_) | Self::OwnSourceOnly { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use extensions_compile_jobs::JobToken;
    use extensions_types::Sha256;

    use super::*;

    fn job(pushed: &str, asked: &str) -> Claimed {
        Claimed {
            job: "acme/x/1/1".parse().unwrap(),
            source: Bytes::new(),
            source_sha256: Sha256::new([0; 32]),
            created_by: String::new(),
            pushed_by_issuer: pushed.into(),
            asked_by_issuer: asked.into(),
            token: JobToken::parse("t").unwrap(),
            lease: Duration::from_secs(1),
        }
    }

    #[test]
    fn without_isolation_both_who_pushed_and_who_asks_must_be_of_this_machine() {
        let own = Isolation::OwnSourceOnly { issuer: "ext-dev".to_owned() };
        assert!(own.admits(&job("ext-dev", "ext-dev")).is_ok());
        for (pushed, asked) in [("", "ext-dev"), ("ext-dev", "https://login.example"), ("ext-dev2", "ext-dev2"), ("EXT-DEV", "EXT-DEV")] {
            assert!(matches!(own.admits(&job(pushed, asked)), Err(NotCompiled::Denied(_))), "{pushed} {asked}");
        }
    }
}
