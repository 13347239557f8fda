//! A child process that does not outlive this one.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::ServerError;

/// Of util-linux, on every Linux: sets the death signal between fork and exec, which nothing here may do by itself.
const GUARD: &str = "setpriv";
/// Run once the signal is set: the parent may have died before that.
const STILL_OURS: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;
/// A stopped thread runs no more once it is scheduled; on a busy machine that takes a while.
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(1);
/// What of a log goes into an error.
const LOG_TAIL_BYTES: u64 = 4_096;

/// Killed when dropped. The thread that started it lives as long as it does: the
/// kernel sends the death signal when that thread ends, not only the process.
#[derive(Debug)]
pub struct Owned {
    name: &'static str,
    log: PathBuf,
    child: Option<Child>,
    /// Dropped last: lets the keeper thread end.
    keeper: Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>,
}

impl Owned {
    /// Starts `program` with stdout and stderr in the file `name`.log of `folder`.
    ///
    /// # Errors
    /// When its log cannot be made or it cannot be started.
    pub fn start(name: &'static str, program: &Path, folder: &Path, prepare: impl FnOnce(&mut Command)) -> Result<Self, ServerError> {
        let failed = |action| move |source| ServerError::System { name, action, source };
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).map_err(failed("make its log"))?;
        let err = out.try_clone().map_err(failed("make its log"))?;
        let mut command = Command::new(GUARD);
        command.args(["--pdeathsig", "KILL", "--", "/bin/sh", "-c", STILL_OURS, &std::process::id().to_string()]);
        command.arg(program).stdin(Stdio::null()).stdout(out).stderr(err);
        prepare(&mut command);
        let (started, starts) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let keep = move || {
            // The starter waits for this; were it gone, so would be the need for a child.
            let _ = started.send(command.spawn());
            let _ = released.recv();
        };
        let keeper = thread::Builder::new().name(format!("{name}-keeper")).spawn(keep).map_err(failed("start a thread"))?;
        let spawned = starts.recv().map_err(|gone| ServerError::System { name, action: "start it", source: std::io::Error::other(gone) })?;
        let child = spawned.map_err(failed("start it by `setpriv` of util-linux"))?;
        Ok(Self { name, log, child: Some(child), keeper: Some((release, keeper)) })
    }

    /// Stops it and returns once no thread of it runs any more.
    ///
    /// # Errors
    /// When it ended, or does not stop.
    pub fn stop(&self) -> Result<(), ServerError> {
        self.signal(Signal::STOP)?;
        let started = Instant::now();
        while !self.all_stopped().map_err(|source| ServerError::System { name: self.name, action: "look at its threads", source })? {
            if started.elapsed() > STOP_MAX {
                return Err(self.not_ready("did not stop".to_owned()));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it was killed before, or the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<(), ServerError> {
        let id = self.child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        let id = id.ok_or_else(|| self.not_ready("was killed before".to_owned()))?;
        kill_process(id, signal).map_err(|error| ServerError::System { name: self.name, action: "signal it", source: error.into() })
    }

    /// The signal reaches one thread after the other: on a busy machine some still answer for a while.
    fn all_stopped(&self) -> std::io::Result<bool> {
        let Some(child) = &self.child else { return Ok(true) };
        for thread in fs::read_dir(format!("/proc/{}/task", child.id()))? {
            let stat = fs::read_to_string(thread?.path().join("stat"))?;
            if !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait();
        match status {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("ended ({status})")),
            Err(error) => Some(format!("cannot be waited for ({error})")),
        }
    }

    /// The error of a server that is not as it should be.
    #[must_use]
    pub fn not_ready(&self, problem: String) -> ServerError {
        ServerError::NotReady { name: self.name, problem, log: self.log_tail().unwrap_or_else(|error| format!("(its log cannot be read: {error})")) }
    }

    /// The file that it writes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether the end of its log holds `text`.
    #[must_use]
    pub fn has_said(&self, text: &str) -> bool {
        self.log_tail().is_ok_and(|log| log.contains(text))
    }

    fn log_tail(&self) -> std::io::Result<String> {
        let mut file = File::open(&self.log)?;
        let start = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Ends it at once and waits for its end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself: all the same.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some((release, keeper)) = self.keeper.take() {
            drop(release);
            let _ = keeper.join();
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on at the moment; who starts on it tries another one when it was taken meanwhile.
pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, BufRead as _},
        path::Path,
    };

    use super::*;

    #[test]
    fn a_dropped_child_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let child = Owned::start("sleep", Path::new("/bin/sleep"), folder.path(), |command| _ = command.arg("600")).unwrap();
        let process = format!("/proc/{}", child.child.as_ref().unwrap().id());
        assert!(Path::new(&process).exists());
        drop(child);
        assert!(!Path::new(&process).exists());
    }

    const AS_PARENT: &str = "EXT_TEST_AS_PARENT";

    /// Run by the next test in a process of its own, which is killed.
    #[test]
    fn as_parent() {
        let Some(folder) = std::env::var_os(AS_PARENT) else { return };
        let child = Owned::start("sleep", Path::new("/bin/sleep"), Path::new(&folder), |command| _ = command.arg("600")).unwrap();
        println!("child {}.", child.child.as_ref().unwrap().id());
        thread::park();
    }

    #[test]
    fn a_child_ends_with_a_killed_parent() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::tests::as_parent", "--nocapture"]).env(AS_PARENT, folder.path());
        let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = io::BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
        let id = lines.filter_map(|line| Some(line.split_once("child ")?.1.trim_end_matches('.').to_owned())).next().unwrap();
        // A child that is gone may still be waited for by whoever inherits it: a zombie is no process.
        let runs = || std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(runs());
        parent.kill().unwrap();
        parent.wait().unwrap();
        let started = std::time::Instant::now();
        while runs() {
            assert!(started.elapsed() < Duration::from_secs(10), "the child outlived its parent");
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    #[test]
    fn an_early_end_is_told_with_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            Owned::start("shell", Path::new("/bin/sh"), folder.path(), |command| _ = command.args(["-c", "echo no disk >&2; exit 3"])).unwrap();
        let ended = std::iter::repeat_with(|| {
            thread::park_timeout(Duration::from_millis(5));
            child.ended()
        });
        let problem = ended.flatten().next().unwrap();
        let error = child.not_ready(problem).to_string();
        assert!(error.contains("exit status: 3") && error.contains("no disk"), "{error}");
    }
}
