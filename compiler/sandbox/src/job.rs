//! What a job is, what it may use, and what is said of it afterwards.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// One program to run, with everything that it may see.
///
/// Every path is absolute, exists outside, and is the same inside. What is not
/// named here or part of the system (`/usr`, `/bin`, `/lib*`) does not exist for the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What runs; below `/usr` or one of the paths here.
    pub program: PathBuf,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment, but for `HOME` and `TMPDIR`: these are always the private ones.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it runs: the sources, under a private overlay. Changes end with the job, but for `returns`.
    pub folder: PathBuf,
    /// Names of plain files in `folder` itself (`Cargo.lock`) that are copied back if the job made or changed them.
    pub returns: Vec<OsString>,
    /// Files and folders that it reads.
    pub reads: Vec<PathBuf>,
    /// Folders that it reads and may change for itself: each gets a private overlay that ends with the job.
    pub layers: Vec<PathBuf>,
    /// Where its results go, outside of `folder`: an empty private folder inside, whose regular files are
    /// copied out at its end. What lies there already stays, but for files of the same names.
    pub results: PathBuf,
    /// What it may use.
    pub limits: Limits,
}

/// What all processes of a job may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From start to end.
    pub wall: Duration,
    /// CPU time of all processes, also of those that have ended.
    pub cpu: Duration,
    /// Anonymous memory and page tables of all processes, and everything written.
    pub memory_bytes: u64,
    /// Processes at one time. Threads are bounded by [`Limits::THREADS_PER_PROCESS`] for each.
    pub processes: u32,
    /// Everything written and not removed: scratch, layers, results. It lies in memory.
    pub file_bytes: u64,
    /// What it says on stdout and stderr.
    pub output_bytes: u64,
}

impl Limits {
    /// A compiler has a few threads for each core; the kernel holds threads of all processes below `processes` times this.
    pub const THREADS_PER_PROCESS: u32 = 16;
}

impl Default for Limits {
    /// What a large Rust guest with all of its dependencies needs, some three times over.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(300),
            cpu: Duration::from_secs(600),
            memory_bytes: 4 << 30,
            processes: 128,
            file_bytes: 2 << 30,
            output_bytes: 64 << 20,
        }
    }
}

/// What a job used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// CPU time of all processes, from above: one that is new at a sample is charged for up to 40 ms before it.
    pub cpu: Duration,
    /// The most memory at any sample.
    pub memory_peak: u64,
    /// The most processes at any sample.
    pub processes_peak: u32,
    /// The most bytes in its files at any sample.
    pub written: u64,
}

/// A job that came to its own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whether it says that it did its work.
    pub success: bool,
    /// How it ended, in words: `exit 1`, `signal 9`.
    pub status: String,
    /// The first part of what it said on stderr.
    pub stderr: String,
    /// What it used.
    pub usage: Usage,
    /// How many things in its results were no regular files or folders (links, sockets, pipes) and stayed behind.
    pub left_behind: u64,
}
