//! Rust guests: the compiler for `wasm32-unknown-unknown`, and one guest's build.

mod build;
mod find;
mod install;
mod messages;
mod shared;
mod sysroot;

use std::{fmt, path::PathBuf};

pub use build::build;
pub use find::find;
pub(crate) use install::install;

/// The one target that guests are built for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can build guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustToolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The build tool.
    pub cargo: PathBuf,
    /// The linker, where the compiler does not bring its own.
    pub linker: Option<PathBuf>,
    /// Where the target's standard library is, if not with the compiler.
    pub sysroot: Option<PathBuf>,
    /// What the compiler says it is: `rustc 1.96.0 (...)`.
    pub version: String,
    /// How it was found.
    pub way: Way,
}

/// How a toolchain was found, in the order that they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `EXT_RUSTC` and `EXT_RUST_SYSROOT` name it.
    Environment,
    /// The compiler on PATH has the target, as `rustup target add` gives it.
    Path,
    /// Debian's compiler with a standard library built by `ext`.
    Debian,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "named by EXT_RUSTC",
            Self::Path => "on PATH",
            Self::Debian => "Debian's compiler with our standard library",
        })
    }
}

impl fmt::Display for RustToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.version, self.rustc.display(), self.way)
    }
}
