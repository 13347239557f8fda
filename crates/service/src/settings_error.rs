//! Why settings are refused.

use std::path::PathBuf;

use crate::layers::FILE_BYTES_MAX;

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large to be one.
    #[error("{0} is larger than {FILE_BYTES_MAX} bytes; is it a settings file?")]
    TooLarge(PathBuf),
    /// Not TOML, an unknown key, or a value of the wrong form.
    #[error("settings: {0}")]
    Syntax(Box<toml::de::Error>),
    /// An `EXT_…` variable that names no key.
    #[error("the environment variable {0} names no setting; docs/configuration.md lists them")]
    UnknownVariable(String),
    /// A value that cannot work.
    #[error("settings: {0}")]
    Value(String),
    /// The log's own thread or standard error cannot be had.
    #[error("the log cannot be started")]
    Log(#[source] std::io::Error),
}
