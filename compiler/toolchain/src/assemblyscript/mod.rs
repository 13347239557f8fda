//! AssemblyScript guests: asc on Node.js, and one guest's build.
//!
//! `driver.mjs` is our program around asc: it alone decides what asc may read and write.
//! `package.json` and `package-lock.json` pin what `ext toolchain install` gets.

mod build;
mod find;
mod install;
mod messages;

use std::{fmt, path::PathBuf};

pub use build::build;
pub use find::find;
pub(crate) use install::install;

/// asc's versions that our driver and SDK are made for.
const VERSIONS: &str = "0.28.";

/// A compiler that can build guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssemblyScriptToolchain {
    /// Node.js, which runs the compiler.
    pub node: PathBuf,
    /// The folder of the npm package `assemblyscript`; what it needs lies beside it.
    pub package: PathBuf,
    /// What both say that they are: `asc 0.28.20 (node v20.20.2)`.
    pub version: String,
    /// How it was found.
    pub way: Way,
}

/// How a toolchain was found, in the order that they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `EXT_ASC` names it.
    Environment,
    /// On PATH.
    Path,
    /// Installed by `ext`.
    Ours,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "named by EXT_ASC",
            Self::Path => "on PATH",
            Self::Ours => "installed by ext",
        })
    }
}

impl fmt::Display for AssemblyScriptToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.version, self.package.display(), self.way)
    }
}
