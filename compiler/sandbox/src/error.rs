//! Why a job gave no result.

use std::{fmt, io, path::PathBuf};

use serde::{Deserialize, Serialize};

/// What was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bound {
    /// Time from start to end, in milliseconds.
    Wall,
    /// CPU time of all processes, in milliseconds.
    Cpu,
    /// Memory of all processes and their files, in bytes.
    Memory,
    /// Processes at one time.
    Processes,
    /// Bytes in its files.
    Files,
    /// Bytes said on stdout and stderr.
    Output,
    /// Files in its results.
    Results,
}

impl Bound {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Wall => ("time", "ms"),
            Self::Cpu => ("CPU time", "ms"),
            Self::Memory => ("memory", "bytes"),
            Self::Processes => ("processes", "at one time"),
            Self::Files => ("written", "bytes"),
            Self::Output => ("output", "bytes"),
            Self::Results => ("results", "files"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().0)
    }
}

/// Why a job gave no result.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It was ended for using more than it may: all of its processes are gone, and nothing was copied out.
    #[error("ended at its limit of {which}: {used} of {allowed} {}", which.words().1)]
    Limit {
        /// What was used up.
        which: Bound,
        /// How much, when it was seen, in the unit of [`Bound`].
        used: u64,
        /// How much it may.
        allowed: u64,
    },
    /// It was ended by whoever ran it: all of its processes are gone, and nothing was copied out.
    #[error("ended before its end by whoever ran it")]
    Ended,
    /// Its program cannot be started inside.
    #[error("{program} cannot be started in the sandbox: {reason}; it must lie below /usr or one of the job's paths, readable for others")]
    Start {
        /// What was started.
        program: PathBuf,
        /// The kernel's words.
        reason: String,
    },
    /// The sandbox could not be made.
    #[error("the sandbox cannot be made: {step}: {reason}")]
    Setup {
        /// What was tried.
        step: String,
        /// The kernel's words.
        reason: String,
    },
    /// The helper did not start, or ended without an answer.
    #[error("the sandbox's helper failed: {0}; its program must call child_main first")]
    Helper(String),
    /// The results could not be copied out.
    #[error("cannot {action} {path}")]
    Results {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl SandboxError {
    /// Whether what the job did is the reason, so that another attempt ends the same way.
    #[must_use]
    pub fn is_jobs(&self) -> bool {
        match self {
            Self::Limit { .. } => true,
            Self::Ended | Self::Start { .. } | Self::Setup { .. } | Self::Helper(_) | Self::Results { .. } => false,
        }
    }
}
