//! What the process is told by its variables.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

/// PATH, and which variables name tools.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    path: OsString,
    named: Vec<(&'static str, PathBuf)>,
}

/// Variables that name a tool or a folder of one.
const NAMING: [&str; 5] = ["EXT_RUSTC", "EXT_RUST_SYSROOT", "EXT_TINYGO", "EXT_ASC", "EXT_NODE"];

impl Around {
    pub(crate) fn of_process() -> Self {
        let named = NAMING.into_iter().filter_map(|name| Some((name, PathBuf::from(std::env::var_os(name).filter(|value| !value.is_empty())?))));
        Self { path: std::env::var_os("PATH").unwrap_or_default(), named: named.collect() }
    }

    /// The variable itself.
    pub(crate) fn path(&self) -> &OsStr {
        &self.path
    }

    /// What a variable names.
    pub(crate) fn named(&self, variable: &str) -> Option<&PathBuf> {
        self.named.iter().find(|(name, _)| *name == variable).map(|(_, path)| path)
    }

    /// The first program of this name on PATH.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path).map(|dir| dir.join(name)).find(|path| path.is_file())
    }

    #[cfg(test)]
    pub(crate) fn of(path: impl Into<OsString>, named: &[(&'static str, PathBuf)]) -> Self {
        Self { path: path.into(), named: named.to_vec() }
    }
}
