//! The helper: this binary once more, with one thread, between the worker and the job.
//!
//! It enters the namespaces, builds the root (`root`), starts the job's first process
//! (`init`), watches it (`supervise`), and answers. It reads nothing that the job
//! writes but the kernel's own files about it.

mod confine;
mod init;
mod limits;
mod mounts;
mod namespaces;
mod probe;
mod root;
mod sample;
mod step;
mod supervise;
mod sys;
mod syscalls;

use std::{
    fs,
    os::{fd::AsFd, unix::net::UnixStream},
    process::ExitCode,
};

use rustix::process::{Signal, set_parent_process_death_signal};

use self::{
    init::Init,
    namespaces::Worker,
    root::Kept,
    step::{SetupError, Step},
};
use crate::{
    Job,
    wire::{self, Answer, Request},
};

/// The first descriptor that no standard stream has.
const FIRST_OTHER_DESCRIPTOR: i32 = 3;
/// A job's processes are the first that the kernel ends when memory runs out.
const OOM_SCORE: &str = "1000";

/// Becomes the sandbox's helper when the command line asks for it; else returns.
/// To be called first thing in `main`, before any thread is started.
#[must_use]
pub fn child_main() -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1)? == wire::ARGUMENT;
    asked.then(|| if serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One request, one answer. Its errors reach nobody: the parent sees that no answer came.
fn serve() -> std::io::Result<()> {
    sys::close_from(FIRST_OTHER_DESCRIPTOR)?;
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that ended before the wish was made has closed the socket.
    let request = wire::receive_request(&socket)?;
    let worker = Worker::of_process();
    if let Err(error) = sys::alone() {
        return wire::send_answer(&socket, &setup(SetupError::new("start the helper", error)), &[]);
    }
    match request {
        Request::Probe => wire::send_answer(&socket, &Answer::Probed(Box::new(probe::probe(worker))), &[]),
        Request::Run(job) => match run(&job, worker, &socket) {
            Ok((answer @ Answer::Ended { .. }, kept)) => wire::send_answer(&socket, &answer, &[kept.results.as_fd(), kept.changes.as_fd()]),
            Ok((answer, _)) => wire::send_answer(&socket, &answer, &[]),
            Err(error) => wire::send_answer(&socket, &setup(error), &[]),
        },
    }
}

fn setup(error: SetupError) -> Answer {
    Answer::Setup { step: error.step, reason: error.reason }
}

fn run(job: &Job, worker: Worker, socket: &UnixStream) -> Result<(Answer, Kept), SetupError> {
    fs::write("/proc/self/oom_score_adj", OOM_SCORE).step("offer the job to the kernel's memory killer")?;
    let kept = root::build(job, worker)?;
    // The changes of user have cleared it.
    set_parent_process_death_signal(Some(Signal::KILL)).step("follow the worker's end")?;
    let init = Init::start(job, worker)?;
    let answer = supervise::supervise(&job.limits, init, &kept, socket)?;
    Ok((answer, kept))
}
