//! The sandbox as its user sees it.

use std::{
    io,
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use crate::{
    Bound, Capabilities, Ended, Ending, Job, Refusal, SandboxError,
    collect::collect,
    output::{Said, listen},
    wire::{ARGUMENT, Answer, Request, Status, receive_answer, send_request},
};

/// The running binary, as a rule the helper: it must call [`crate::child_main`] first thing in `main`.
pub const THIS_BINARY: &str = "/proc/self/exe";

/// A helper ends its job at the job's own limit; one that has not by so much later is ended itself.
const GRACE: Duration = Duration::from_secs(10);
/// Trying a dozen mechanisms takes some 50 ms.
const PROBE_LIMIT: Duration = Duration::from_secs(20);
/// A helper that probes says nothing.
const PROBE_OUTPUT_BYTES_MAX: u64 = 1 << 10;

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
    pub fn probe(helper: impl AsRef<Path>) -> Result<Capabilities, SandboxError> {
        let mut helper = Helper::start(helper.as_ref(), &Request::Probe, PROBE_OUTPUT_BYTES_MAX)?;
        helper.listen(PROBE_LIMIT, &mut |_| {})?;
        match helper.answer()? {
            (Answer::Probed(capabilities), _) => Ok(*capabilities),
            (other, _) => Err(unexpected(&other)),
        }
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
        self.run_until(&Ending::default(), job, on_line)
    }

    /// The same, for a job that may be ended from another thread.
    ///
    /// # Errors
    /// As [`Sandbox::run`], and when it was ended.
    pub fn run_until(&self, ending: &Ending, job: &Job, on_line: &mut dyn FnMut(&str)) -> Result<Ended, SandboxError> {
        let mut helper = Helper::start(&self.helper, &Request::Run(Box::new(job.clone())), job.limits.output_bytes)?;
        let _held = ending.hold(&helper.socket).map_err(|error| SandboxError::Helper(error.to_string()))?;
        let heard = helper.listen(job.limits.wall + GRACE, on_line)?;
        let (answer, left) = helper.answer()?;
        if let Some(used) = heard.too_much {
            return Err(SandboxError::Limit { which: Bound::Output, used, allowed: job.limits.output_bytes });
        }
        match answer {
            Answer::Ended { status, usage } => {
                let [results, changes] = <[OwnedFd; 2]>::try_from(left).map_err(|_| SandboxError::Helper("its answer lacks the results".into()))?;
                let left_behind = collect(job, &results, &changes)?;
                Ok(Ended { success: status == Status::Exit(0), status: status.to_string(), stderr: heard.stderr, usage, left_behind })
            }
            Answer::Limit { which, used, allowed } => Err(SandboxError::Limit { which, used, allowed }),
            Answer::NotStarted(reason) => Err(SandboxError::Start { program: job.program.clone(), reason }),
            Answer::Setup { step, reason } => Err(SandboxError::Setup { step, reason }),
            Answer::Cancelled if ending.is_over() => Err(SandboxError::Ended),
            Answer::Probed(_) | Answer::Cancelled => Err(unexpected(&answer)),
        }
    }
}

fn unexpected(answer: &Answer) -> SandboxError {
    match answer {
        Answer::Setup { step, reason } => SandboxError::Setup { step: step.clone(), reason: reason.clone() },
        other => SandboxError::Helper(format!("it answered {other:?}")),
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What was heard besides lines.
#[derive(Default)]
struct Heard {
    stderr: String,
    too_much: Option<u64>,
}

/// A running helper; dropped, it ends, and its job with it.
struct Helper {
    child: Child,
    socket: UnixStream,
    said: Receiver<Said>,
}

impl Helper {
    fn start(program: &Path, request: &Request, output_bytes_max: u64) -> Result<Self, SandboxError> {
        let broken = |error: io::Error| SandboxError::Helper(error.to_string());
        let (socket, theirs) = UnixStream::pair().map_err(broken)?;
        let mut command = Command::new(program);
        command.arg(ARGUMENT).env_clear().current_dir("/");
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| SandboxError::Helper(format!("cannot start {}: {error}", program.display())))?;
        // Our copy of the helper's side: while it is open, its end is not seen.
        drop(command);
        let said = listen(&mut child, output_bytes_max);
        let helper = Self { child, socket, said };
        send_request(&helper.socket, request).map_err(broken)?;
        Ok(helper)
    }

    /// Hears the job to its end; gives it up when it says too much.
    fn listen(&mut self, limit: Duration, on_line: &mut dyn FnMut(&str)) -> Result<Heard, SandboxError> {
        let deadline = Instant::now() + limit;
        let mut heard = Heard::default();
        loop {
            match self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Said::Line(line)) if heard.too_much.is_none() => on_line(&line),
                Ok(Said::Line(_)) => {}
                Ok(Said::Stderr(text)) => heard.stderr = text,
                Ok(Said::TooMuch(used)) => {
                    heard.too_much = Some(used);
                    // The lifeline: the helper ends the job, waits for all of it, and ends.
                    self.socket.shutdown(Shutdown::Write).map_err(|error| SandboxError::Helper(error.to_string()))?;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(heard),
                Err(RecvTimeoutError::Timeout) => return Err(SandboxError::Helper("it did not end its job in time".into())),
            }
        }
    }

    fn answer(mut self) -> Result<(Answer, Vec<OwnedFd>), SandboxError> {
        let answer = receive_answer(&self.socket);
        let status = self.child.wait().map_err(|error| SandboxError::Helper(error.to_string()))?;
        answer.map_err(|error| SandboxError::Helper(format!("{status} without an answer ({error})")))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Fails only for one that has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
