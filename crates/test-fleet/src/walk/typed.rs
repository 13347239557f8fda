//! `ext`, as people type it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use crate::FleetError;

/// The program, with a home in which it finds the fleet.
#[derive(Debug, Clone)]
pub struct Ext {
    program: PathBuf,
    home: PathBuf,
}

/// How a command line ended.
#[derive(Debug)]
pub struct Ran {
    /// What it printed.
    pub stdout: String,
    /// From start to end of the process.
    pub took_ms: u64,
}

impl Ext {
    /// `ext` in the folder of programs, with its data in `home`.
    #[must_use]
    pub fn new(programs: &Path, home: &Path) -> Self {
        Self { program: programs.join("ext"), home: home.to_path_buf() }
    }

    /// Runs it; it must succeed.
    ///
    /// # Errors
    /// With what it said, when it does not.
    pub fn done(&self, words: &[&str]) -> Result<Ran, FleetError> {
        self.done_in(&self.home, words)
    }

    pub(super) fn done_in(&self, folder: &Path, words: &[&str]) -> Result<Ran, FleetError> {
        let started = Instant::now();
        let output = self.command(words).current_dir(folder).stdin(Stdio::null()).output().map_err(FleetError::system("start", &self.program))?;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(Ran { stdout: text(&output.stdout), took_ms });
        }
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr)).trim().to_owned();
        Err(FleetError::Command { command: format!("ext {}", words.join(" ")), ended: output.status.to_string(), said })
    }

    /// The command, not yet run. Only what is in its home counts, not what this process's variables name.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--json").args(words).env("EXT_HOME", &self.home).env_remove("EXT_SERVER").env_remove("EXT_TOKEN");
        command
    }
}

impl Ran {
    /// The last line: what goes before tells of progress.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value, FleetError> {
        let line = self.stdout.lines().next_back().unwrap_or_default();
        serde_json::from_str(line).map_err(|error| FleetError::Unexpected(format!("`ext --json` wrote {line:?}: {error}")))
    }
}

/// Milliseconds since 1970, as a load's report counts them.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
