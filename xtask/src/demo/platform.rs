//! `ext dev` as a child: started on free ports, ready when it says so, ended
//! by SIGTERM as an orchestrator would.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal};
use serde::Deserialize;

use super::scratch::Scratch;
use crate::{child, guests::Ext, say};

/// Four guests with their dependencies build within two minutes on two cores.
const READY_LIMIT: Duration = Duration::from_secs(10 * 60);
/// Longer than the server's own drain limit.
const STOP_LIMIT: Duration = Duration::from_secs(45);
const SAY_EVERY: Duration = Duration::from_secs(10);
const LOG_TAIL_LINES: usize = 20;

/// One line of `ext dev --json`.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Served {
        extension: String,
        seconds: f64,
    },
    BuildFailed {
        folder: PathBuf,
        message: String,
    },
    Ready(Ready),
    #[serde(other)]
    Other,
}

/// How to reach the platform, once everything given to it has been built.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ready {
    pub(crate) server: String,
    pub(super) socket: PathBuf,
    pub(super) token_file: PathBuf,
}

/// The part of the announcement that is read here: how `ext` finds its platform.
#[derive(Debug, Deserialize)]
struct Found {
    token: String,
}

/// A running platform.
#[derive(Debug)]
pub(crate) struct Platform {
    child: Option<Child>,
    log: PathBuf,
    pub(crate) ready: Ready,
}

impl Platform {
    /// Starts it with these extensions.
    pub(crate) fn start(ext: &Ext, folders: &[PathBuf], scratch: &Scratch) -> Result<Self> {
        let log = scratch.path("server.log");
        let stderr = File::create(&log)?;
        let job = ext.job().args(["--json", "dev"]).args(folders).args(["--listen", "127.0.0.1:0", "--data"]).args([scratch.path("data")]);
        let mut child = job.spawn(Stdio::piped(), stderr.into())?;
        let stdout = child.stdout.take().context("the server's stdout is piped")?;
        let (sender, lines) = mpsc::channel();
        // Ends with the pipe, so with the server.
        thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        match wait_ready(&mut child, &lines, &log) {
            Ok(ready) => Ok(Self { child: Some(child), log, ready }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error).with_context(|| format!("`ext dev` did not get ready; its last words:\n{}", tail(&log)))
            }
        }
    }

    /// The token with which `ext` finds it.
    pub(crate) fn token(&self) -> Result<String> {
        let file = &self.ready.token_file;
        let found = std::fs::read(file).map(|text| serde_json::from_slice::<Found>(&text));
        let found = found.and_then(|found| Ok(found?)).with_context(|| format!("the token in {}", file.display()))?;
        Ok(found.token)
    }

    /// Its process, while it runs.
    pub(crate) fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Where it is called: its TCP address, or its socket.
    pub(crate) fn address(&self, unix: bool) -> String {
        if unix { format!("unix:{}", self.ready.socket.display()) } else { self.ready.server.clone() }
    }

    /// The end of its log.
    pub(super) fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Ends it and waits for that.
    pub(crate) fn stop(mut self) -> Result<()> {
        let child = self.child.take().context("it runs")?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        rustix::process::kill_process(pid, Signal::TERM).context("SIGTERM")?;
        let status = child::wait(child, STOP_LIMIT).context("`ext dev` after SIGTERM")?;
        ensure!(status.success(), "`ext dev` ended with {status} after SIGTERM; its last words:\n{}", self.log_tail());
        Ok(())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait_ready(child: &mut Child, lines: &Receiver<String>, log: &Path) -> Result<Ready> {
    let started = Instant::now();
    while started.elapsed() < READY_LIMIT {
        match lines.recv_timeout(SAY_EVERY) {
            Ok(line) => match serde_json::from_str(&line) {
                Ok(Event::Ready(ready)) => return Ok(ready),
                Ok(Event::Served { extension, seconds }) => say::talk(format!("{extension}: built and served in {seconds:.1} s")),
                Ok(Event::BuildFailed { folder, message }) => bail!("{} was not built: {message}", folder.display()),
                Ok(Event::Other) | Err(_) => {}
            },
            Err(RecvTimeoutError::Timeout) => {
                let last = tail(log).lines().last().unwrap_or_default().to_owned();
                say::talk(format!("starting for {}: {last}", say::duration(started.elapsed())));
            }
            Err(RecvTimeoutError::Disconnected) => bail!("it ended with {}", child.wait()?),
        }
    }
    bail!("nothing after {}", say::duration(READY_LIMIT))
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_by_their_name() {
        let event = |line| serde_json::from_str::<Event>(line).unwrap();
        assert!(matches!(event(r#"{"event":"listening","server":"x"}"#), Event::Other));
        assert!(matches!(event(r#"{"event":"served","extension":"vat","version":1,"seconds":1.5}"#), Event::Served { seconds: 1.5, .. }));
        let ready = event(r#"{"event":"ready","server":"http://127.0.0.1:1","admin":"x","socket":"/a","token_file":"/b"}"#);
        assert!(matches!(ready, Event::Ready(Ready { server, .. }) if server == "http://127.0.0.1:1"));
    }
}
