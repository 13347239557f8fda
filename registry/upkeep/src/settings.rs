//! `[upkeep]`: what is kept, how long, and how much is done at once.

use std::time::Duration;

use serde::Deserialize;

const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// More at once than one store's connections serve well.
const CONCURRENCY_MAX: usize = 64;

/// Settings of every command of upkeep.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpkeepSettings {
    /// Store requests in flight, 1 to 64. Small, since upkeep shares the store
    /// with commands.
    pub concurrency: usize,
    /// Objects younger than this are never collected, whatever refers to them:
    /// longer than any upload, build or promotion takes.
    pub gc_min_age_hours: u32,
    /// Machine code for an engine goes when no signer has written to its folder for so many days.
    pub code_unused_days: u32,
    /// How long an erasure waits for commands that were under way before it
    /// asks to be run again, in seconds.
    pub settle_seconds: u32,
    /// What retention keeps.
    pub retention: RetentionSettings,
}

impl Default for UpkeepSettings {
    fn default() -> Self {
        Self { concurrency: 8, gc_min_age_hours: 24, code_unused_days: 30, settle_seconds: 60, retention: RetentionSettings::default() }
    }
}

/// What retention keeps of each extension. Something goes only when both its
/// number and its age allow it; what an environment, a pin, a rollback or a
/// review refers to never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSettings {
    /// Newest drafts that were never promoted.
    pub drafts: u32,
    /// Days that every other draft is kept.
    pub draft_days: u32,
    /// Days that a retired version is kept.
    pub retired_days: u32,
    /// Newest versions whose source is kept.
    pub source_versions: u32,
    /// Days that every other source is kept.
    pub source_days: u32,
    /// Days that log files are kept.
    pub log_days: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self { drafts: 20, draft_days: 30, retired_days: 90, source_versions: 20, source_days: 365, log_days: 90 }
    }
}

/// A setting out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("upkeep.{key} is {value}, and must be {must}")]
pub struct SettingsError {
    key: &'static str,
    value: u64,
    must: &'static str,
}

impl UpkeepSettings {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Names the key, its value and what it must be.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.code_unused_days == 0 {
            return Err(SettingsError { key: "code_unused_days", value: 0, must: "1 or more: a signer may be away for some hours" });
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            return Err(SettingsError { key: "concurrency", value: self.concurrency as u64, must: "1 to 64" });
        }
        Ok(())
    }

    /// [`Self::gc_min_age_hours`] in milliseconds.
    #[must_use]
    pub fn gc_min_age_ms(&self) -> u64 {
        u64::from(self.gc_min_age_hours) * HOUR_MS
    }

    /// [`Self::settle_seconds`] as a duration.
    #[must_use]
    pub fn settle(&self) -> Duration {
        Duration::from_secs(self.settle_seconds.into())
    }
}

/// Days in milliseconds.
pub(crate) fn days_ms(days: u32) -> u64 {
    u64::from(days) * DAY_MS
}
