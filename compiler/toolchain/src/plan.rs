//! One program that a build runs, and who runs it.

use std::{ffi::OsString, fmt, path::PathBuf, process::Command, time::Duration};

use crate::child::{self, ChildError};

/// A program with everything that it needs, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What runs.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it runs: the extension's sources. A runner may forbid writing there,
    /// but for the lock file that cargo makes.
    pub folder: PathBuf,
    /// Files and folders that it reads besides: the toolchain, the SDK.
    pub reads: Vec<PathBuf>,
    /// Folders of prebuilt things that it may add to: a runner in isolation gives it a
    /// private layer above each, which ends with the job.
    pub layers: Vec<PathBuf>,
    /// Where its results go.
    pub results: PathBuf,
    /// How long it may take.
    pub limit: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Whether it says that it did its work.
    pub success: bool,
    /// How it ended, in words: `exit 1`, `signal 9`.
    pub status: String,
    /// The first part of what it said on stderr.
    pub stderr: String,
}

/// Runs plans.
pub trait Runner: Send + Sync + fmt::Debug {
    /// Runs one to its end; each line of its stdout is handed to `on_line`.
    ///
    /// # Errors
    /// When it cannot be started, or was ended for what it did: [`ChildError`] says which.
    fn run(&self, plan: &Plan, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError>;

    /// Whether what a program adds to its plan's layers stays there for the next one.
    fn keeps_layers(&self) -> bool;
}

/// Runs on this machine as it is: for authors who build their own source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Runner for Direct {
    fn run(&self, plan: &Plan, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError> {
        let mut command = Command::new(&plan.program);
        command.args(&plan.arguments).current_dir(&plan.folder).env_clear().envs(plan.environment.iter().map(|(name, value)| (name, value)));
        child::run(command, plan.limit, on_line)
    }

    fn keeps_layers(&self) -> bool {
        true
    }
}
