//! Programs that a task runs. Each ends with its parent, also when that one is
//! killed: a server left over would make later runs fail strangely.
//!
//! A child first runs this very program, which asks the kernel for a signal at
//! its parent's death and then becomes the command. The kernel keeps the wish
//! across exec, so nothing unsafe is needed between fork and exec.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal};

/// The hidden task's name.
pub(crate) const OWNED: &str = "owned";
/// The running program; unlike its path this also names it after a rebuild replaced the file.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// Set by `cargo run` for this program alone: others would take them for their own.
const CARGO_RUN_PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
const CARGO_RUN_NAMES: [&str; 2] = ["CARGO", "RUSTUP_TOOLCHAIN"];
/// A step that takes longer hangs: the slowest, a cold build of the engine, takes a quarter of it on two cores.
const LIMIT: Duration = Duration::from_secs(90 * 60);
const POLL: Duration = Duration::from_millis(10);

/// What [`become_owned`] becomes.
#[derive(Debug, clap::Args)]
pub(crate) struct OwnedArguments {
    parent: i32,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// Turns this process into the command. Returns only when that fails.
pub(crate) fn become_owned(OwnedArguments { parent, command }: OwnedArguments) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).context("the kernel refused PR_SET_PDEATHSIG")?;
    // The parent may have died before the wish was made.
    ensure!(rustix::process::getppid().map(Pid::as_raw_pid) == Some(parent), "the parent is gone");
    let (program, arguments) = command.split_first().context("no command given")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("`{}` cannot be started: is it installed and on PATH?", program.display()))
}

/// A program to run.
#[derive(Debug)]
pub(crate) struct Job {
    command: Command,
    words: String,
}

impl Job {
    /// A program on PATH or by its path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(THIS_PROGRAM);
        command.arg(OWNED).arg(std::process::id().to_string()).arg("--").arg(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if CARGO_RUN_NAMES.contains(&&*text) || CARGO_RUN_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        let words = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        Self { command, words }
    }

    /// `cargo`, in the toolchain that the folder asks for.
    pub(crate) fn cargo(dir: &Path) -> Self {
        Self::new("cargo").dir(dir)
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            self.words.push(' ');
            self.words.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder to run in.
    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Drops what it writes to stdout: data that nobody asked for.
    pub(crate) fn without_data(mut self) -> Self {
        self.command.stdout(Stdio::null());
        self
    }

    /// Runs it with our own stdout and stderr; fails when it does.
    pub(crate) fn run(mut self) -> Result<()> {
        let child = self.command.stdin(Stdio::null()).spawn().with_context(|| format!("`{}` cannot be started", self.words))?;
        let status = wait(child, LIMIT).with_context(|| format!("`{}`", self.words))?;
        ensure!(status.success(), "`{}` failed ({status})", self.words);
        Ok(())
    }

    /// Runs it and returns its stdout; fails, with its stderr, when it does.
    pub(crate) fn output(self) -> Result<String> {
        let (words, answer) = self.answer()?;
        if !answer.status.success() {
            bail!("`{words}` failed ({}): {}", answer.status, String::from_utf8_lossy(&answer.stderr).trim());
        }
        String::from_utf8(answer.stdout).with_context(|| format!("`{words}` wrote something that is not UTF-8"))
    }

    /// Runs it to its end, whatever that is.
    pub(crate) fn answer(mut self) -> Result<(String, std::process::Output)> {
        let answer = self.command.stdin(Stdio::null()).output().with_context(|| format!("`{}` cannot be started", self.words))?;
        Ok((self.words, answer))
    }

    /// Starts it, for a caller that ends it.
    pub(crate) fn spawn(mut self, stdout: Stdio, stderr: Stdio) -> Result<Child> {
        self.command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().with_context(|| format!("`{}` cannot be started", self.words))
    }
}

/// Waits for a child's end; past the limit it is killed and the wait fails.
pub(crate) fn wait(mut child: Child, limit: Duration) -> Result<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
    child.kill()?;
    child.wait()?;
    bail!("did not end within {} s and was killed", limit.as_secs())
}
