//! The platform's programs as child processes, as `cargo build` left them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use extensions_test_support::event;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// A server under its own name, killed with this value.
pub(crate) struct Server {
    child: Child,
    /// `http://HOST:PORT`
    pub(crate) url: String,
}

/// How a command line ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The last line: what goes before tells of progress.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.stdout.lines().next_back().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A program of the workspace: tests lie one folder below it.
fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here.ancestors().nth(2).unwrap().join(name);
    assert!(program.is_file(), "{} is missing: `cargo build --release --workspace` makes it", program.display());
    program
}

impl Server {
    /// Starts `name` with a settings file; it listens when this returns.
    pub(crate) async fn start(name: &str, settings: &Path) -> Self {
        Self::start_until(name, settings, "listening", "address").await
    }

    /// Starts a compile worker; it takes jobs when this returns.
    pub(crate) async fn start_worker(settings: &Path) -> Self {
        Self::start_until("extensions-compiler", settings, "taking jobs", "registry").await
    }

    /// Starts `name` and waits for a line of its log, one field of which says where it is.
    async fn start_until(name: &str, settings: &Path, message: &str, field: &str) -> Self {
        let mut command = Command::new(program(name));
        command.arg("--config").arg(settings).kill_on_drop(true).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (read, log) = unbounded_channel();
        // Read away all the time: a program whose log is full stands still.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = read.send(line);
            }
        });
        let place = said(name, log, message, field).await;
        let url = if place.contains("://") { place } else { format!("http://{place}") };
        Self { child, url }
    }

    /// SIGKILL: it has no time to say anything.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Without a limit of its own: a worker may build what extensions share first.
async fn said(name: &str, mut log: UnboundedReceiver<String>, message: &str, field: &str) -> String {
    let mut seen = Vec::new();
    while let Some(line) = log.recv().await {
        if let Ok(parsed) = serde_json::from_str::<Value>(&line)
            && parsed["message"] == message
        {
            return parsed[field].as_str().unwrap().to_owned();
        }
        seen.push(line);
    }
    panic!("{name} ended; its log:\n{}", seen.join("\n"))
}

/// Runs `ext` with its data in `home`.
pub(crate) async fn ext(home: &Path, token: &str, arguments: &[&str]) -> Ran {
    event(ext_at_length(home, token, arguments)).await
}

/// The same for what takes as long as a compiler does.
pub(crate) async fn ext_at_length(home: &Path, token: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program("ext"));
    command.args(arguments).env("EXT_HOME", home.join("ext")).env("EXT_TOKEN", token).env("NO_COLOR", "1").kill_on_drop(true);
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
