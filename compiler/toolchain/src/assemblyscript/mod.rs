//! AssemblyScript guests.

use std::{fmt, path::PathBuf};

use extensions_types::Language;

use crate::{BuildError, BuiltModule, Home, InstallError, Missing, Request};

/// A compiler that can build guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssemblyScriptToolchain {
    /// The compiler.
    pub program: PathBuf,
    /// What the compiler says it is.
    pub version: String,
}

/// Looks for a compiler. Installs nothing.
///
/// # Errors
/// Says what was looked at.
pub fn find(_home: &Home) -> Result<AssemblyScriptToolchain, Missing> {
    Err(Missing { language: Language::AssemblyScript, tried: Vec::new() })
}

pub(crate) fn install(home: &Home, _progress: &mut dyn FnMut(&str)) -> Result<AssemblyScriptToolchain, InstallError> {
    Ok(find(home)?)
}

/// Builds one extension.
///
/// # Errors
/// Carries the compiler's messages.
pub fn build(_toolchain: &AssemblyScriptToolchain, request: Request<'_>, _progress: &mut dyn FnMut(&str)) -> Result<BuiltModule, BuildError> {
    Err(BuildError::NoSource { folder: request.folder.to_owned(), file: "source" })
}

impl fmt::Display for AssemblyScriptToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.program.display())
    }
}
