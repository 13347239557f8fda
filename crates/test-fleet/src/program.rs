//! One of the platform's programs as a child.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use extensions_test_servers::Owned;
use rustix::process::Signal;
use serde_json::Value;

use crate::FleetError;

/// A worker builds first what extensions share, for each language: minutes on two busy cores.
const START_MAX: Duration = Duration::from_secs(15 * 60);
/// Longer than drains last here.
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Owned,
    log: PathBuf,
}

impl Program {
    /// Starts `program` with `arguments`; its log goes to `NAME.log` in `logs`. Ctrl-C at a terminal does not reach it.
    pub(crate) fn start(name: &'static str, program: &Path, arguments: &[&str], logs: &Path) -> Result<Self, FleetError> {
        if !program.is_file() {
            return Err(FleetError::NotBuilt(program.to_path_buf()));
        }
        let child = Owned::start(name, program, logs, |command| {
            use std::os::unix::process::CommandExt as _;
            command.args(arguments).process_group(0);
        })?;
        Ok(Self { name, child, log: logs.join(format!("{name}.log")) })
    }

    /// Waits for a line of the log with this message.
    pub(crate) fn said(&mut self, message: &str) -> Result<Value, FleetError> {
        let started = Instant::now();
        loop {
            let ended = self.child.ended();
            // Read after the look at the child: what it wrote last is there.
            let text = fs::read_to_string(&self.log).map_err(FleetError::system("read", &self.log))?;
            if let Some(found) = text.lines().find_map(|line| said(line, message)) {
                return Ok(found);
            }
            if let Some(problem) = ended {
                return Err(self.child.not_ready(problem).into());
            }
            if started.elapsed() > START_MAX {
                return Err(self.child.not_ready(format!("did not say `{message}`")).into());
            }
            thread::sleep(POLL);
        }
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<String> {
        self.child.ended()
    }

    /// Its name: that of its settings file and its log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// SIGKILL: it has no time to say anything.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Asks it to end.
    pub(crate) fn ask_to_stop(&self) {
        // One that is gone needs no asking.
        let _ = self.child.signal(Signal::TERM);
    }

    /// Waits for its end, and kills it when that does not come.
    pub(crate) fn wait_or_kill(&mut self) {
        let started = Instant::now();
        while self.child.ended().is_none() && started.elapsed() < STOP_MAX {
            thread::sleep(POLL);
        }
        self.child.kill();
    }
}

fn said(line: &str, message: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == message).then_some(line)
}

/// The address in a field of a line, as a URL.
pub(crate) fn url(line: &Value, field: &str) -> String {
    format!("http://{}", line[field].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_says_where_it_is() {
        let line = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:7"}"#;
        assert_eq!(url(&said(line, "listening").unwrap(), "address"), "http://127.0.0.1:7");
        assert_eq!(said(line, "ready"), None);
        assert_eq!(said("half a li", "ready"), None);
    }
}
