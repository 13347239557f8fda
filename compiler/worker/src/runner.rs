//! Runs a toolchain's plans in the sandbox.

use std::{io, path::Path, sync::Arc};

use extensions_sandbox::{Bound, Ending, Job, Limits, Sandbox, SandboxError};
use extensions_toolchain::{ChildError, Finished, Plan, Runner};

/// The one file that cargo writes beside its manifest; its digest is evidence.
const LOCK_FILE: &str = "Cargo.lock";

/// A runner whose programs see what their plan names, and nothing else.
#[derive(Debug)]
pub(crate) struct SandboxRunner {
    sandbox: Arc<Sandbox>,
    limits: Limits,
    ending: Ending,
}

impl SandboxRunner {
    pub(crate) const fn new(sandbox: Arc<Sandbox>, limits: Limits, ending: Ending) -> Self {
        Self { sandbox, limits, ending }
    }
}

impl Runner for SandboxRunner {
    fn run(&self, plan: &Plan, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError> {
        let ended = self.sandbox.run_until(&self.ending, &job(plan, self.limits), on_line).map_err(|error| refused(&plan.program, error))?;
        tracing::debug!(status = ended.status, usage = ?ended.usage, left_behind = ended.left_behind, "a build's program has ended");
        Ok(Finished { success: ended.success, status: ended.status, stderr: ended.stderr })
    }

    fn keeps_layers(&self) -> bool {
        false
    }
}

fn job(plan: &Plan, limits: Limits) -> Job {
    Job {
        program: plan.program.clone(),
        arguments: plan.arguments.clone(),
        environment: plan.environment.clone(),
        folder: plan.folder.clone(),
        returns: vec![LOCK_FILE.into()],
        reads: plan.reads.clone(),
        layers: plan.layers.clone(),
        results: plan.results.clone(),
        limits: Limits { wall: limits.wall.min(plan.limit), ..limits },
    }
}

/// What the job did is the author's; what the sandbox could not do is this machine's.
fn refused(program: &Path, error: SandboxError) -> ChildError {
    // Where a tool lies on this machine is nobody's business.
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    match error {
        SandboxError::Limit { which: Bound::Wall, allowed, .. } => ChildError::Timeout { program, seconds: allowed.div_ceil(1_000) },
        SandboxError::Limit { .. } => ChildError::Limit { program, why: error.to_string() },
        SandboxError::Ended | SandboxError::Start { .. } | SandboxError::Setup { .. } | SandboxError::Helper(_) | SandboxError::Results { .. } => {
            ChildError::Start { program, source: io::Error::other(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan() -> Plan {
        Plan {
            program: "/opt/tool".into(),
            arguments: vec!["build".into()],
            environment: Vec::new(),
            folder: "/f".into(),
            reads: vec!["/sdk".into()],
            layers: vec!["/deps".into()],
            results: "/out".into(),
            limit: Duration::from_secs(10),
        }
    }

    #[test]
    fn the_tighter_of_two_times_counts_and_the_lock_comes_back() {
        let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
        let job = job(&plan(), limits);
        assert_eq!((job.limits.wall, job.limits.cpu), (Duration::from_secs(10), limits.cpu));
        assert_eq!(job.returns, [LOCK_FILE]);
        let job = super::job(&plan(), Limits { wall: Duration::from_secs(2), ..limits });
        assert_eq!(job.limits.wall, Duration::from_secs(2));
    }

    #[test]
    fn limits_are_the_authors_and_a_broken_sandbox_is_not() {
        let limit = |which| refused(Path::new("/opt/tool"), SandboxError::Limit { which, used: 2, allowed: 1_500 });
        assert!(matches!(limit(Bound::Wall), ChildError::Timeout { seconds: 2, .. }));
        for which in [Bound::Cpu, Bound::Memory, Bound::Processes, Bound::Files, Bound::Output, Bound::Results] {
            let error = limit(which);
            assert!(error.is_authors() && error.to_string().starts_with("tool was ended: "), "{error}");
        }
        assert!(!refused(Path::new("/opt/tool"), SandboxError::Helper("gone".into())).is_authors());
    }
}
