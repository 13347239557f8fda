//! The toolchain of a language, whichever it is.

use std::fmt;

use extensions_types::Language;

use crate::{BuildError, BuiltModule, Home, Request, assemblyscript::AssemblyScriptToolchain, rust::RustToolchain, tinygo::TinyGoToolchain, wasm};

/// There is no toolchain for a language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no toolchain for {lang} ({}); run `ext toolchain install {lang}`", tried.join("; "), lang = .language.as_str())]
pub struct Missing {
    /// Which language.
    pub language: Language,
    /// What was looked at, and what it lacks.
    pub tried: Vec<String>,
}

/// What builds extensions of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// rustc and cargo.
    Rust(RustToolchain),
    /// TinyGo.
    TinyGo(TinyGoToolchain),
    /// asc.
    AssemblyScript(AssemblyScriptToolchain),
    /// Nothing: the author's own tools made the module.
    Wasm,
}

impl Toolchain {
    /// Looks for the language's toolchain; installs nothing.
    ///
    /// # Errors
    /// Says what was looked at, and to run `ext toolchain install`.
    pub fn find(home: &Home, language: Language) -> Result<Self, Missing> {
        match language {
            Language::Rust => crate::rust::find(home).map(Self::Rust),
            Language::TinyGo => crate::tinygo::find(home).map(Self::TinyGo),
            Language::AssemblyScript => crate::assemblyscript::find(home).map(Self::AssemblyScript),
            Language::Wasm => Ok(Self::Wasm),
        }
    }

    /// The language.
    #[must_use]
    pub const fn language(&self) -> Language {
        match self {
            Self::Rust(_) => Language::Rust,
            Self::TinyGo(_) => Language::TinyGo,
            Self::AssemblyScript(_) => Language::AssemblyScript,
            Self::Wasm => Language::Wasm,
        }
    }

    /// What it says that it is: `rustc 1.96.0 (…)`.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Rust(toolchain) => &toolchain.version,
            Self::TinyGo(toolchain) => &toolchain.version,
            Self::AssemblyScript(toolchain) => &toolchain.version,
            Self::Wasm => wasm::VERSION,
        }
    }

    /// Builds one extension; `progress` hears each part that is compiled.
    ///
    /// # Errors
    /// Carries the compiler's messages, or its words.
    pub fn build(&self, request: Request<'_>, progress: &mut dyn FnMut(&str)) -> Result<BuiltModule, BuildError> {
        match self {
            Self::Rust(toolchain) => crate::rust::build(toolchain, request, progress),
            Self::TinyGo(toolchain) => crate::tinygo::build(toolchain, request, progress),
            Self::AssemblyScript(toolchain) => crate::assemblyscript::build(toolchain, request, progress),
            Self::Wasm => wasm::take(request),
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rust(toolchain) => toolchain.fmt(f),
            Self::TinyGo(toolchain) => toolchain.fmt(f),
            Self::AssemblyScript(toolchain) => toolchain.fmt(f),
            Self::Wasm => f.write_str(wasm::VERSION),
        }
    }
}
