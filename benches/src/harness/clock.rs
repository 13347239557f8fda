//! CPU time of threads, as the kernel counts it.

use std::{fs, io, time::Duration};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

use super::rounds::Sample;

/// Threads of this name's beginning are the bench's own: callers and echoes.
const OWN: &str = "bench-";
/// Threads of callers.
pub(crate) const CALLERS: &str = "bench-callers";
/// Threads of bare echoes.
pub(crate) const ECHOES: &str = "bench-echoes";

/// What the calling thread has used of a core so far.
pub(crate) fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Threads that serve calls; what they use of the cores is what a call costs a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Servers {
    /// The hosts of this process: every thread that is not the bench's own.
    Hosts,
    /// The bare echoes of this process.
    Echoes,
    /// All threads of another process.
    Process(u32),
}

impl Servers {
    /// What they have used of the cores so far. Threads that ended meanwhile are not counted.
    pub(crate) fn cpu(self) -> anyhow::Result<Duration> {
        let process = match self {
            Self::Hosts | Self::Echoes => std::process::id(),
            Self::Process(process) => process,
        };
        let threads = fs::read_dir(format!("/proc/{process}/task")).with_context(|| format!("process {process} has ended"))?;
        let mut all = Duration::ZERO;
        for thread in threads {
            let thread = thread?;
            let is_main = thread.file_name().to_str() == Some(&process.to_string());
            let path = thread.path();
            let (Some(name), Some(used)) = (read(path.join("comm"))?, read(path.join("schedstat"))?) else { continue };
            if self.counts(&name, is_main) {
                let nanos = used.split(' ').next().context("an empty schedstat")?;
                all += Duration::from_nanos(nanos.parse().context("schedstat begins with nanoseconds")?);
            }
        }
        Ok(all)
    }

    fn counts(self, name: &str, is_main: bool) -> bool {
        match self {
            Self::Hosts => !is_main && !name.starts_with(OWN),
            Self::Echoes => name.trim_end() == ECHOES,
            Self::Process(_) => true,
        }
    }

    /// A round with what each of its operations cost these threads.
    pub(crate) fn metered(self, length: Duration, round: impl FnOnce(Duration) -> anyhow::Result<Sample>) -> anyhow::Result<Sample> {
        let before = self.cpu()?;
        let sample = round(length)?;
        let used = self.cpu()?.saturating_sub(before);
        let calls = sample.rate * length.as_secs_f64();
        Ok(sample.with_cpu(used.as_secs_f64() * 1e6 / calls))
    }
}

/// Nothing of a thread that has ended.
fn read(path: std::path::PathBuf) -> io::Result<Option<String>> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread of `name` that works for about 20 ms of CPU and stays until it was looked at.
    fn worked(name: &str, look: impl FnOnce() -> Duration) -> Duration {
        let (done, worked) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            while thread_cpu() < Duration::from_millis(20) {}
            done.send(()).unwrap();
            let _ = ended.recv();
        });
        worked.recv().unwrap();
        let seen = look();
        drop(end);
        thread.unwrap().join().unwrap();
        seen
    }

    #[test]
    fn a_hosts_threads_count_and_the_benchs_own_do_not() {
        // The kernel may be some milliseconds behind with a thread that runs.
        let least = Duration::from_millis(10);
        assert!(worked(ECHOES, || Servers::Echoes.cpu().unwrap()) >= least);
        assert!(Servers::Echoes.cpu().unwrap() < least, "a host's thread is no echo");
        assert!(worked("front-io-0", || Servers::Hosts.cpu().unwrap()) >= least);
        for (name, is_main, counts) in [("front-io-0\n", false, true), ("bench-callers\n", false, false), ("extensions-benc\n", true, false)] {
            assert_eq!(Servers::Hosts.counts(name, is_main), counts, "{name}");
        }
    }
}
