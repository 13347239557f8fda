//! TinyGo guests.

use std::{fmt, path::PathBuf};

use extensions_types::Language;

use crate::{BuildError, BuiltModule, Home, InstallError, Missing, Request};

/// A compiler that can build guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TinyGoToolchain {
    /// The compiler.
    pub program: PathBuf,
    /// What the compiler says it is.
    pub version: String,
}

/// Looks for a compiler. Installs nothing.
///
/// # Errors
/// Says what was looked at.
pub fn find(_home: &Home) -> Result<TinyGoToolchain, Missing> {
    Err(Missing { language: Language::TinyGo, tried: Vec::new() })
}

pub(crate) fn install(home: &Home, _progress: &mut dyn FnMut(&str)) -> Result<TinyGoToolchain, InstallError> {
    Ok(find(home)?)
}

/// Builds one extension.
///
/// # Errors
/// Carries the compiler's messages.
pub fn build(_toolchain: &TinyGoToolchain, request: Request<'_>, _progress: &mut dyn FnMut(&str)) -> Result<BuiltModule, BuildError> {
    Err(BuildError::NoSource { folder: request.folder.to_owned(), file: "source" })
}

impl fmt::Display for TinyGoToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.program.display())
    }
}
