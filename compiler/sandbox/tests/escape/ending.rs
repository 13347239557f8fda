//! A job that is ended from another thread, in the middle of its work.

use extensions_sandbox::{Ending, Sandbox, SandboxError};

use crate::outside::{Outside, processes};

/// Ends a job that would never end, as soon as it says that it runs.
pub(crate) fn check(sandbox: &Sandbox) -> Result<(), String> {
    let outside = Outside::new().map_err(|error| error.to_string())?;
    let ending = Ending::default();
    let mut running = 0;
    let ended = sandbox.run_until(&ending, &outside.job("say-and-sleep"), &mut |_| {
        running = processes(&outside.token).len();
        ending.end();
    });
    let left = processes(&outside.token);
    println!("a job is ended from outside: {running} of its processes were running, {} are left", left.len());
    let later = sandbox.run_until(&ending, &outside.job("say-and-sleep"), &mut |_| {});
    match (ended, later) {
        (Err(SandboxError::Ended), Err(SandboxError::Ended)) if running > 0 && left.is_empty() => Ok(()),
        other => Err(format!("a job is ended from outside: {running} were running, {left:?} are left, {other:?}")),
    }
}
