//! Runs a program to its end: output and time bounded, gone when its parent is.
#![allow(unsafe_code, reason = "one call between fork and exec, proven below")]

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use crate::Finished;

/// A compiler's longest message, with room; the rest of a longer line is dropped.
const LINE_BYTES_MAX: usize = 1 << 20;
/// What a person would read of a tool's complaints.
const STDERR_BYTES_MAX: usize = 64 << 10;
/// Lines that may wait for us before the child has to.
const LINES_WAITING_MAX: usize = 64;

/// Why a program gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("{program} cannot be started")]
    Start {
        /// What was started.
        program: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It took too long and was ended.
    #[error("{program} was ended after {seconds} s")]
    Timeout {
        /// What was started.
        program: String,
        /// How long it had.
        seconds: u64,
    },
    /// It was ended for using more than a build may.
    #[error("{program} was ended: {why}")]
    Limit {
        /// What was started.
        program: String,
        /// Which limit, and what it used.
        why: String,
    },
}

impl ChildError {
    /// Whether the author's code is what made it end.
    #[must_use]
    pub fn is_authors(&self) -> bool {
        match self {
            Self::Start { .. } => false,
            Self::Timeout { .. } | Self::Limit { .. } => true,
        }
    }
}

enum Event {
    Line(String),
    Stderr(String),
}

/// Runs `command`; each line of its stdout is handed to `on_line`.
pub(crate) fn run(mut command: Command, limit: Duration, on_line: &mut dyn FnMut(&str)) -> Result<Finished, ChildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    end_with_parent(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| ChildError::Start { program: program.clone(), source })?;
    let events = listen(&mut child);
    let deadline = Instant::now() + limit;
    let mut stderr = String::new();
    loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Line(line)) => on_line(&line),
            Ok(Event::Stderr(text)) => stderr = text,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // Ended or not: it is reaped either way, and its pipes close with it.
                let _ = child.kill();
                let _ = child.wait();
                return Err(ChildError::Timeout { program, seconds: limit.as_secs() });
            }
        }
    }
    let status = child.wait().map_err(|source| ChildError::Start { program, source })?;
    let words = status.signal().map_or_else(|| format!("exit {}", status.code().unwrap_or(-1)), |signal| format!("signal {signal}"));
    Ok(Finished { success: status.success(), status: words, stderr })
}

/// The whole stdout of a short program that succeeds.
pub(crate) fn ask(command: Command) -> Option<String> {
    let mut text = String::new();
    let finished = run(command, Duration::from_secs(60), &mut |line| {
        text.push_str(line);
        text.push('\n');
    });
    finished.ok().filter(|finished| finished.success).map(|_| text.trim_end().to_owned())
}

fn end_with_parent(command: &mut Command) {
    let parent = getpid();
    let ask_kernel = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the wish was made.
        if getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    };
    // SAFETY: between fork and exec it makes two system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(ask_kernel) };
}

/// One thread per pipe: a child that fills one never waits for the other.
fn listen(child: &mut Child) -> Receiver<Event> {
    let (sender, receiver) = sync_channel(LINES_WAITING_MAX);
    if let Some(stdout) = child.stdout.take() {
        let sender = sender.clone();
        std::thread::spawn(move || send_lines(BufReader::new(stdout), &sender));
    }
    if let Some(stderr) = child.stderr.take() {
        std::thread::spawn(move || {
            let text = first_part(stderr);
            // Nobody listens after a timeout.
            let _ = sender.send(Event::Stderr(text));
        });
    }
    receiver
}

fn send_lines(mut pipe: impl BufRead, sender: &SyncSender<Event>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = pipe.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return;
        }
        if line.last() != Some(&b'\n') && line.len() == LINE_BYTES_MAX && pipe.skip_until(b'\n').is_err() {
            return;
        }
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if sender.send(Event::Line(text)).is_err() {
            return;
        }
    }
}

fn first_part(mut pipe: impl Read) -> String {
    let mut kept = Vec::new();
    // A pipe that breaks has said all it could.
    let _ = pipe.by_ref().take(STDERR_BYTES_MAX as u64).read_to_end(&mut kept);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

/// Writes a program for a test and waits until it can be run: a test beside it that
/// forked meanwhile holds the file open for writing until its own program begins.
#[cfg(test)]
pub(crate) fn program_of_a_test(path: &std::path::Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let busy = |error: std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
    while Command::new(path).stdin(Stdio::null()).output().is_err_and(busy) {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_and_complaints_arrive_apart() {
        let mut lines = Vec::new();
        let finished = run(shell("echo a; echo no >&2; echo b; exit 3"), Duration::from_secs(20), &mut |line| lines.push(line.to_owned())).unwrap();
        assert_eq!((lines, finished.success, finished.stderr.as_str()), (vec!["a".to_owned(), "b".to_owned()], false, "no\n"));
        assert_eq!(finished.status, "exit 3");
    }

    #[test]
    fn floods_are_bounded() {
        let mut longest = 0;
        let finished = run(
            shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; head -c 300000 /dev/zero | tr '\\0' e >&2; echo end"),
            Duration::from_secs(20),
            &mut |line| longest = longest.max(line.len()),
        )
        .unwrap();
        assert_eq!((longest, finished.stderr.len()), (LINE_BYTES_MAX, STDERR_BYTES_MAX));
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let error = run(shell("exec cat /dev/zero > /dev/null"), Duration::from_millis(50), &mut |_| {}).unwrap_err();
        assert!(matches!(error, ChildError::Timeout { .. }));
    }

    #[test]
    fn one_that_is_missing_is_named() {
        let error = run(Command::new("/no/such/program"), Duration::from_secs(1), &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "/no/such/program cannot be started");
    }
}
