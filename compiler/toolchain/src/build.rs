//! What a build needs and gives, in every language.

use std::path::{Path, PathBuf};

use crate::{Diagnostic, Home, Runner, child::ChildError, sdk::SdkDir};

/// Twice what a component may have.
const MODULE_BYTES_MAX: u64 = 8 << 20;

/// One extension to build.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Where toolchains and prebuilt things are.
    pub home: &'r Home,
    /// The language's SDK, unpacked.
    pub sdk: &'r SdkDir,
    /// The extension's sources.
    pub folder: &'r Path,
    /// Where results are kept ([`Home::target_dir`]), so that the next build is short.
    pub target_dir: &'r Path,
    /// Who runs the tools.
    pub runner: &'r dyn Runner,
}

/// A module that came out of a build.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltModule {
    /// Where it lies.
    pub path: PathBuf,
    /// The core module: of the plain ABI, or with the description of its world inside.
    pub wasm: Vec<u8>,
    /// How long the build took.
    pub seconds: f64,
    /// Warnings about the author's code.
    pub diagnostics: Vec<Diagnostic>,
    /// The tools' flags that decide what comes out.
    pub flags: Vec<String>,
    /// SHA-256 of what pins the dependencies, as lowercase hex: the lock file and the SDK's digest.
    pub dependencies_sha256: String,
}

/// Why there is no module.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder holds no source of this language.
    #[error("{folder} has no {file}; `ext new` makes an extension")]
    NoSource {
        /// The folder.
        folder: PathBuf,
        /// What should be there.
        file: &'static str,
    },
    /// The author's code does not compile.
    #[error("the extension does not compile: {} error(s)", .diagnostics.iter().filter(|one| one.is_error()).count())]
    Compile {
        /// What the compiler says.
        diagnostics: Vec<Diagnostic>,
    },
    /// The build tool refused before compiling: a manifest or a dependency.
    #[error("{tool} refuses the extension ({hint})\n{text}")]
    Refused {
        /// The tool.
        tool: &'static str,
        /// What is there and what is not.
        hint: &'static str,
        /// The tool's own words.
        text: String,
    },
    /// The source is no guest.
    #[error("the build gave {got} WebAssembly modules instead of one; {remedy}")]
    Modules {
        /// How many.
        got: usize,
        /// What to change.
        remedy: &'static str,
    },
    /// The module is larger than any component may be.
    #[error("the module has {bytes} bytes, at most {MODULE_BYTES_MAX} are read; {remedy}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// What to change.
        remedy: &'static str,
    },
    /// A tool could not run, or was ended.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The build's folders or its result.
    #[error("{path}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl BuildError {
    /// Whether the author must change something; else this machine is in the way.
    #[must_use]
    pub fn is_authors(&self) -> bool {
        match self {
            Self::NoSource { .. } | Self::Compile { .. } | Self::Refused { .. } | Self::Modules { .. } | Self::TooLarge { .. } => true,
            Self::Child(error) => error.is_authors(),
            Self::Io { .. } => false,
        }
    }
}

/// Reads what a build wrote, within bounds.
pub(crate) fn read_module(path: &Path, remedy: &'static str) -> Result<Vec<u8>, BuildError> {
    let failed = |source| BuildError::Io { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > MODULE_BYTES_MAX {
        return Err(BuildError::TooLarge { bytes, remedy });
    }
    std::fs::read(path).map_err(failed)
}
