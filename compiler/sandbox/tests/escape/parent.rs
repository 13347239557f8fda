//! A worker that is killed without warning: its job ends with it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, ExitCode, Stdio},
};

use extensions_sandbox::{Sandbox, THIS_BINARY};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, pidfd_open},
    time::Timespec,
};

use crate::{
    outside::{Outside, processes},
    run::run,
};

/// The first argument that makes this binary a worker with one job that would never end.
pub(crate) const ARGUMENT: &str = "__parent";
/// The kernel needs milliseconds; a test that waits longer has failed.
const END_SECONDS_MAX: i64 = 10;

pub(crate) fn main() -> ExitCode {
    let sandbox = Sandbox::new(THIS_BINARY, Sandbox::probe(THIS_BINARY).unwrap()).unwrap();
    let outside = Outside::new().unwrap();
    println!("{}", outside.token);
    println!("{}", outside.path("").display());
    let mut started = |line: &str| println!("{line}");
    let _ = sandbox.run(&outside.job("say-and-sleep"), &mut started);
    let _ = run(&sandbox, &outside.job("own-user"));
    ExitCode::FAILURE
}

/// Kills such a worker and waits for each process of its job to end.
pub(crate) fn check() -> Result<(), String> {
    let mut worker = Command::new(THIS_BINARY).arg(ARGUMENT).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines().map_while(Result::ok);
    let (token, folder) = (lines.next().unwrap(), lines.next().unwrap());
    let running = lines.next();
    // The job's processes, and the helpers between, which have no token but are its ancestors.
    let job = processes(&token);
    let handles: Vec<_> = job.iter().filter_map(|id| pidfd_open(Pid::from_raw(*id)?, PidfdFlags::empty()).ok()).collect();
    worker.kill().unwrap();
    worker.wait().unwrap();
    for handle in &handles {
        let mut events = [PollFd::new(handle, PollFlags::IN)];
        let limit = Timespec { tv_sec: END_SECONDS_MAX, tv_nsec: 0 };
        if poll(&mut events, Some(&limit)) != Ok(1) {
            return Err("a process of a killed worker's job is left".to_owned());
        }
    }
    let left = processes(&token);
    // The worker could not remove its own test folder any more.
    let _ = std::fs::remove_dir_all(folder);
    println!("the worker is killed (SIGKILL): {} processes of its job were running ({running:?}), {} are left", job.len(), left.len());
    if job.is_empty() || !left.is_empty() { Err(format!("of {job:?}, {left:?} are left")) } else { Ok(()) }
}
