//! Where it was measured, when, and what.

use std::{fmt, process::Command, time::SystemTime};

/// The machine, and the code.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) processor: String,
    pub(super) kernel: String,
    pub(super) swap: bool,
    /// `2026-01-31`, of the measurement.
    pub(super) date: String,
    /// Of the folder that the bench was started in; with `+` where files differ from it.
    pub(super) commit: String,
}

impl Machine {
    pub(super) fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let model =
            info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("unknown processor", |(_, name)| name.trim());
        Self {
            processor: format!("{cores} × {model}"),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            swap: extensions_engine::swap::possible(),
            date: today(),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

/// As git knows it; a bench may run where there is none.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).output().ok().filter(|ended| ended.status.success());
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let mark = if changed.stdout.is_empty() { "" } else { "+" };
    Some(format!("{}{mark}", String::from_utf8_lossy(&head.stdout).trim()))
}

/// In UTC.
fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, kernel, swap, date, commit } = self;
        let swap = if *swap { "swap possible" } else { "no swap" };
        write!(f, "{date}, {processor}, Linux {kernel}, {swap}; commit {commit}")
    }
}
