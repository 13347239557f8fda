//! The platform's programs as child processes, as `cargo build` left them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, PoisonError},
};

use extensions_test_support::event;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr, Command},
    sync::{Mutex, watch},
};

/// Of a log, as much is told with a failed test.
const LINES_TOLD: usize = 60;

/// A server under its own name, killed with this value.
pub(crate) struct Server {
    child: Mutex<Child>,
    pub(crate) log: Log,
    /// `http://HOST:PORT`
    pub(crate) url: String,
}

/// What a program has said until now. Told where a test fails.
#[derive(Clone)]
pub(crate) struct Log {
    of: &'static str,
    lines: Arc<std::sync::Mutex<Vec<String>>>,
    /// How many lines there are, and whether more will come.
    more: watch::Receiver<(usize, bool)>,
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

    /// Each line of its own.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Everything it said.
    pub(crate) fn words(&self) -> String {
        format!("code {}: {}{}", self.code, self.stdout, self.stderr)
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
    pub(crate) async fn start(name: &'static str, settings: &Path) -> Self {
        Self::start_until(name, settings, &[], ["listening", "address"]).await
    }

    /// Starts a compile worker; it takes jobs when this returns.
    pub(crate) async fn start_worker(settings: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_until("extensions-compiler", settings, environment, ["taking jobs", "registry"]).await
    }

    /// Starts `name` and waits for a line of its log, one field of which says where it is.
    async fn start_until(name: &'static str, settings: &Path, environment: &[(&str, &str)], [message, field]: [&str; 2]) -> Self {
        let mut command = Command::new(program(name));
        command.envs(environment.iter().copied());
        command.arg("--config").arg(settings).kill_on_drop(true).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Log::of(name, child.stderr.take().unwrap());
        // Without a limit of its own: a worker may build what extensions share first.
        let line = log.says(|line| line["message"] == message).await;
        let place = line[field].as_str().unwrap().to_owned();
        let url = if place.contains("://") { place } else { format!("http://{place}") };
        Self { child: Mutex::new(child), log, url }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.url.rsplit('/').next().unwrap().parse().unwrap()
    }

    /// SIGKILL: it has no time to say anything.
    pub(crate) async fn kill(&self) {
        self.child.lock().await.kill().await.unwrap();
    }
}

impl Log {
    fn of(of: &'static str, from: ChildStderr) -> Self {
        let (told, more) = watch::channel((0, false));
        let log = Self { of, lines: Arc::default(), more };
        let kept = Arc::clone(&log.lines);
        // Read away all the time: a program whose log is full stands still.
        tokio::spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                told.send_modify(|(number, _)| *number += 1);
            }
            told.send_modify(|(_, ended)| *ended = true);
        });
        log
    }

    /// The first line, from its start on, of which `wanted` is true; fails when the program ends without it.
    pub(crate) async fn says(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let (mut more, mut seen) = (self.more.clone(), 0);
        loop {
            let (number, ended) = *more.borrow_and_update();
            let fresh = self.lines.lock().unwrap_or_else(PoisonError::into_inner)[seen..number].to_vec();
            seen = number;
            let mut parsed = fresh.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(found) = parsed.find(|line| wanted(line)) {
                return found;
            }
            assert!(!ended, "{} ended; its log:\n{}", self.of, self.text());
            let _ = more.changed().await;
        }
    }

    /// The lines until now.
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = self.log.text();
            let lines: Vec<_> = text.lines().collect();
            #[allow(clippy::print_stderr, reason = "a failed test shows what its programs said")]
            {
                eprintln!("── {} at {}:\n{}", self.log.of, self.url, lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n"));
            }
        }
    }
}

/// Runs `ext` with its data in `home`.
pub(crate) async fn ext(home: &Path, token: &str, arguments: &[&str]) -> Ran {
    event(ext_at_length(home, token, arguments)).await
}

/// The same for what takes as long as a compiler does.
pub(crate) async fn ext_at_length(home: &Path, token: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program("ext"));
    command.args(arguments).env("EXT_HOME", home.join("ext")).env("EXT_TOKEN", token).env("NO_COLOR", "1");
    ran(command).await
}

/// Runs a server's program to its end, which must come by itself.
pub(crate) async fn refused(name: &str, settings: &Path, environment: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(program(name));
    command.arg("--config").arg(settings).envs(environment.iter().copied());
    let ended = tokio::time::timeout(extensions_test_support::PATIENCE, ran(command)).await;
    ended.unwrap_or_else(|_| panic!("{name} goes on with {}", settings.display()))
}

async fn ran(mut command: Command) -> Ran {
    let output = command.kill_on_drop(true).stdin(Stdio::null()).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
