//! TinyGo guests: the compiler with our target file, and one guest's build.

mod build;
mod find;
mod install;
mod messages;
mod release;
mod target;

use std::{fmt, path::PathBuf};

pub use build::build;
pub use find::find;
pub(crate) use install::install;

/// A compiler that can build guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TinyGoToolchain {
    /// The compiler.
    pub program: PathBuf,
    /// Its own sources: runtime, targets, what it replaces of Go's library.
    pub root: PathBuf,
    /// Go's tool, which lists packages for it.
    pub go: PathBuf,
    /// Go's library.
    pub goroot: PathBuf,
    /// Go's version: `1.26.8`.
    pub go_version: String,
    /// Where the compiler's C parts come from.
    pub parts: CParts,
    /// Binaryen's optimizer, which it runs at the end.
    pub wasm_opt: PathBuf,
    /// What the compiler says it is: `tinygo version 0.41.1 ...`.
    pub version: String,
    /// How it was found.
    pub way: Way,
}

/// Where the C functions come from that compiled Go calls: memory copying, wide arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CParts {
    /// A release of TinyGo brings their sources.
    Release,
    /// Debian's libraries for wasm, built by LLVM 19.
    Debian,
}

/// How a toolchain was found, in the order that they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `EXT_TINYGO` names it.
    Environment,
    /// On PATH.
    Path,
    /// Built by `ext` from its Go module.
    Ours,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "named by EXT_TINYGO",
            Self::Path => "on PATH",
            Self::Ours => "built from its Go module",
        })
    }
}

impl fmt::Display for TinyGoToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.version, self.program.display(), self.way)
    }
}
