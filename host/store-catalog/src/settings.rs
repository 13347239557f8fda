//! Settings of a catalog: the section `[catalog]`.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use extensions_artifact::Owned;
use extensions_types::{ExtensionId, IdError, TenantId};
use serde::Deserialize;

/// Faster polling would only load the store; slower, and a promotion seems lost.
const POLL_MS: RangeInclusive<u64> = 100..=60_000;
/// A switch is for emergencies: it must arrive within seconds.
const CONTROL_POLL_MS: RangeInclusive<u64> = 50..=5_000;
/// Text of entries in memory; parsed it takes about four times as much.
const ENTRIES_MB: RangeInclusive<usize> = 1..=4_096;
/// More extensions than this are no list that somebody wrote.
const PRELOAD_MAX: usize = 1_000;

/// How a host follows its environment's store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogSettings {
    /// Between two lists of the entries, in milliseconds.
    pub poll_ms: u64,
    /// Between two looks at control, in milliseconds.
    pub control_poll_ms: u64,
    /// Entries held in memory: the size of their documents, in MiB.
    pub entries_mb_max: usize,
    /// Extensions to load before their first call: `TENANT/EXTENSION`.
    pub preload: Vec<Preload>,
}

impl Default for CatalogSettings {
    fn default() -> Self {
        Self { poll_ms: 5_000, control_poll_ms: 400, entries_mb_max: 64, preload: Vec::new() }
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("catalog.{name} is {got}; it must be from {min} to {max}")]
pub struct SettingsError {
    name: &'static str,
    got: u64,
    min: u64,
    max: u64,
}

impl CatalogSettings {
    /// Checks every value.
    ///
    /// # Errors
    /// Names the first that cannot work.
    pub fn check(&self) -> Result<(), SettingsError> {
        let within =
            |name, got: u64, min: u64, max: u64| if (min..=max).contains(&got) { Ok(()) } else { Err(SettingsError { name, got, min, max }) };
        within("poll_ms", self.poll_ms, *POLL_MS.start(), *POLL_MS.end())?;
        within("control_poll_ms", self.control_poll_ms, *CONTROL_POLL_MS.start(), *CONTROL_POLL_MS.end())?;
        within("entries_mb_max", self.entries_mb_max as u64, *ENTRIES_MB.start() as u64, *ENTRIES_MB.end() as u64)?;
        within("preload (its length)", self.preload.len() as u64, 0, PRELOAD_MAX as u64)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) fn control_poll(&self) -> Duration {
        Duration::from_millis(self.control_poll_ms)
    }

    pub(crate) fn entries_bytes_max(&self) -> u64 {
        (self.entries_mb_max as u64) << 20
    }
}

/// An extension to load before its first call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Preload(pub(crate) Owned);

/// A text that names no extension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreloadError {
    /// No slash.
    #[error("`{0}` is not TENANT/EXTENSION")]
    Form(String),
    /// A part that is no id.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl FromStr for Preload {
    type Err = PreloadError;
    fn from_str(text: &str) -> Result<Self, PreloadError> {
        let (tenant, extension) = text.split_once('/').ok_or_else(|| PreloadError::Form(text.chars().take(128).collect()))?;
        Ok(Self(Owned::new(TenantId::parse(tenant)?, ExtensionId::parse(extension)?)))
    }
}

impl TryFrom<String> for Preload {
    type Error = PreloadError;
    fn try_from(text: String) -> Result<Self, PreloadError> {
        text.parse()
    }
}

impl fmt::Display for Preload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_what_cannot_is_named() {
        assert_eq!(CatalogSettings::default().check(), Ok(()));
        let wrong = CatalogSettings { control_poll_ms: 0, ..CatalogSettings::default() };
        assert_eq!(wrong.check().unwrap_err().to_string(), "catalog.control_poll_ms is 0; it must be from 50 to 5000");
        let wrong = CatalogSettings { entries_mb_max: 0, ..CatalogSettings::default() };
        assert!(wrong.check().unwrap_err().to_string().contains("entries_mb_max"));
    }

    #[test]
    fn preload_names_extensions() {
        assert_eq!("acme/discount".parse::<Preload>().unwrap().to_string(), "acme/discount");
        for wrong in ["acme", "acme/", "/x", "acme/x/y", "../x", "Acme/x"] {
            assert!(wrong.parse::<Preload>().is_err(), "{wrong}");
        }
    }
}
