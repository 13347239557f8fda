//! What a child used, read between its end and its burial.
//!
//! The kernel forgets a process's clock when its parent has waited for it, and
//! the parent's own sum mixes all its children. So the end is awaited without
//! waiting for the child, its clock is read, and only then is it reaped.

use std::{
    fs, io,
    process::ExitStatus,
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::{process::Child, task, time::timeout};

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// CPU time of its only thread.
    pub(crate) cpu: Duration,
}

/// Waits for the end of `child`, which `began` then and is killed after `patience`.
pub(crate) async fn ended(child: &mut Child, began: Instant, patience: Duration) -> io::Result<Ended> {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let pid = pid.ok_or_else(|| io::Error::other("the child was waited for before"))?;
    // A thread of its own, for the fraction of a second that lies between a child's answer and its end.
    let mut end = task::spawn_blocking(move || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
    let waited = match timeout(patience, &mut end).await {
        Ok(waited) => waited,
        Err(_) => {
            child.start_kill()?;
            end.await
        }
    };
    waited.map_err(io::Error::other)??;
    // One thread uses no more than the time that passes: where the kernel does not tell, that counts.
    let cpu = cpu_of(pid).unwrap_or_else(|| began.elapsed());
    Ok(Ended { status: child.wait().await?, cpu })
}

/// What the scheduler counted of the main thread, in nanoseconds.
fn cpu_of(pid: Pid) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", pid.as_raw_pid())).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
