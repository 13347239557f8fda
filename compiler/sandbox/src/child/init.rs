//! The first process of the job's PID namespace: when it ends, the kernel ends all others.
//!
//! It mounts the list of processes, starts the job, reaps whatever is left to it, and ends
//! with the job's first process. It has no privileges by then, no signal from inside reaches
//! it, and it ends with the helper.

use std::{
    io::{self, Read as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    pipe::{PipeFlags, pipe_with},
    process::{
        DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, nice, pidfd_open, pidfd_send_signal, set_dumpable_behavior,
        set_parent_process_death_signal, setsid, wait,
    },
    time::Timespec,
};
use serde::{Deserialize, Serialize};

use super::{
    confine, mounts,
    namespaces::{Worker, wait_for},
    root::{self, HOME},
    sample::waited_for,
    step::{SetupError, Step},
    sys::{self, Fork},
};
use crate::{Job, wire::Status};

/// A third of the worker's weight.
const NICENESS: i32 = 5;

/// What the job's first processes tell the helper; the first word counts.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    Setup { step: String, reason: String },
    NotStarted(String),
    Ended { status: Status, cpu: Duration },
}

/// The running job, as the helper holds it.
#[derive(Debug)]
pub(super) struct Init {
    pid: Pid,
    handle: OwnedFd,
    words: OwnedFd,
    /// Closed with the helper: what the first process looks at once it asked to end with it.
    _alive: OwnedFd,
}

impl Init {
    /// Starts the job.
    pub(super) fn start(job: &Job, worker: Worker) -> Result<Self, SetupError> {
        let (words, say) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
        let (lifeline, alive) = pipe_with(PipeFlags::CLOEXEC).step("make a pipe")?;
        match sys::fork().step("start the first process")? {
            Fork::Child => {
                drop((words, alive));
                sys::exit_now(first_process(job, worker, &say, &lifeline));
            }
            Fork::Parent(pid) => {
                let handle = pidfd_open(pid, PidfdFlags::empty()).step("watch the first process")?;
                Ok(Self { pid, handle, words, _alive: alive })
            }
        }
    }

    /// Readable once all processes of the job are gone.
    pub(super) fn handle(&self) -> impl AsFd + '_ {
        self.handle.as_fd()
    }

    /// Ends all processes.
    pub(super) fn kill(&self) -> Result<(), SetupError> {
        match pidfd_send_signal(&self.handle, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(SetupError::new("end the job", error)),
        }
    }

    /// Waits until all processes are gone: the kernel lets the first one end last.
    pub(super) fn wait(self) -> Result<Option<Word>, SetupError> {
        wait_for(self.pid)?;
        let mut text = String::new();
        std::fs::File::from(self.words).read_to_string(&mut text).step("read how the job ended")?;
        text.lines().next().map(serde_json::from_str).transpose().step("read how the job ended")
    }
}

fn say(to: &OwnedFd, word: &Word) {
    // Nobody listens when the helper is gone, and then this process is about to be, too.
    if let Ok(mut text) = serde_json::to_vec(word) {
        text.push(b'\n');
        let _ = rustix::io::write(to, &text);
    }
}

fn first_process(job: &Job, worker: Worker, words: &OwnedFd, lifeline: &OwnedFd) -> i32 {
    let failed = |error: SetupError| {
        say(words, &Word::Setup { step: error.step, reason: error.reason });
        1
    };
    let child = match prepare().and_then(|()| sys::fork().step("start the job")) {
        Ok(Fork::Parent(child)) => child,
        Ok(Fork::Child) => return become_program(job, worker, words),
        Err(error) => return failed(error),
    };
    if let Err(error) = retire(worker, lifeline) {
        return failed(error);
    }
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                if let Some(status) = in_words(status) {
                    say(words, &Word::Ended { status, cpu: waited_for() });
                    return 0;
                }
            }
            // Somebody's orphan, or interrupted.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return 1,
        }
    }
}

fn in_words(status: WaitStatus) -> Option<Status> {
    status.exit_status().map(Status::Exit).or_else(|| status.terminating_signal().map(Status::Signal))
}

/// What needs this namespace's privileges.
fn prepare() -> Result<(), SetupError> {
    setsid().step("leave the worker's session")?;
    // However many processes a job has, the worker and the supervisor come first.
    nice(NICENESS).step("step back behind the worker")?;
    mounts::put(mounts::processes()?.as_fd(), Path::new("/proc"))?;
    root::leave_old()
}

/// From here on this process only waits: it keeps nothing, and ends with the helper.
fn retire(worker: Worker, lifeline: &OwnedFd) -> Result<(), SetupError> {
    confine::become_nobody(worker)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step("hide the first process")?;
    // After the changes of user, which clear it.
    set_parent_process_death_signal(Some(Signal::KILL)).step("follow the helper's end")?;
    let mut helper = [PollFd::new(lifeline, PollFlags::IN)];
    match poll(&mut helper, Some(&Timespec::default())) {
        Ok(0) => Ok(()),
        // It ended before the wish was made.
        Ok(_) | Err(_) => Err(SetupError::new("follow the helper's end", "it is gone")),
    }
}

fn become_program(job: &Job, worker: Worker, words: &OwnedFd) -> i32 {
    let word = match setsid().step("make a session").and_then(|_| confine::confine(job, worker)) {
        Ok(()) => Word::NotStarted(exec(job).to_string()),
        Err(error) => Word::Setup { step: error.step, reason: error.reason },
    };
    say(words, &word);
    127
}

/// Comes back only with an error.
fn exec(job: &Job) -> io::Error {
    let own = [("HOME", HOME), ("TMPDIR", "/tmp")];
    Command::new(&job.program)
        .args(&job.arguments)
        .current_dir(&job.folder)
        .env_clear()
        .envs(job.environment.iter().map(|(name, value)| (name, value)))
        .envs(own)
        .stdin(Stdio::null())
        .exec()
}
