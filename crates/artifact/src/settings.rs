//! Settings of a store: the section `[store]`.

use std::{fmt, io, path::PathBuf, time::Duration};

use extensions_tls::TlsError;
use serde::Deserialize;

use crate::{s3::S3Settings, store::Timing};

/// Where a store lies. Exactly one of `dir` and `s3`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// A folder of this machine.
    #[serde(default)]
    pub dir: Option<PathBuf>,
    /// A bucket.
    #[serde(default)]
    pub s3: Option<S3Settings>,
    /// How long one try of a small operation may take; three are made.
    #[serde(default = "try_timeout_ms")]
    pub try_timeout_ms: u64,
}

fn try_timeout_ms() -> u64 {
    u64::try_from(Timing::default().try_timeout.as_millis()).unwrap_or(u64::MAX)
}

impl StoreSettings {
    /// A folder of this machine.
    #[must_use]
    pub fn local(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()), s3: None, try_timeout_ms: try_timeout_ms() }
    }

    /// A bucket.
    #[must_use]
    pub fn bucket(s3: S3Settings) -> Self {
        Self { dir: None, s3: Some(s3), try_timeout_ms: try_timeout_ms() }
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        match (&self.dir, &self.s3, self.try_timeout_ms) {
            (_, _, 0) => Err(SettingsError::Value { name: "try_timeout_ms", problem: "must be more than 0".to_owned() }),
            (Some(_), None, _) | (None, Some(_), _) => Ok(()),
            _ => Err(SettingsError::OnePlace),
        }
    }

    pub(crate) fn timing(&self) -> Timing {
        Timing { try_timeout: Duration::from_millis(self.try_timeout_ms), ..Timing::default() }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No place, or two.
    #[error("store: name either `dir` or `s3`")]
    OnePlace,
    /// A value that cannot be.
    #[error("store: {name} {problem}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file or folder that cannot be used.
    #[error("store: cannot {action} {}", path.display())]
    File {
        /// What for.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Authorities that cannot be used.
    #[error("store: s3.ca_file")]
    Tls(#[source] TlsError),
    /// What the client of the object store does not accept.
    #[error("store: the bucket's settings are not usable")]
    Client(#[source] object_store::Error),
}
