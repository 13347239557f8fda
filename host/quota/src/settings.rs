//! The section `[quota]` of a host.

use serde::Deserialize;

/// Far above any environment's fleet: beyond it a number is a typing error.
const HOSTS_MAX: u32 = 10_000;

/// The section `[quota]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// Hosts of the environment: a host that never heard its share of the
    /// fleet's quotas takes one of so many parts.
    pub hosts: u32,
}

/// A value that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quota.hosts is {0}; it must be between 1 and {HOSTS_MAX}")]
pub struct QuotaSettingsError(u32);

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { hosts: 1 }
    }
}

impl QuotaSettings {
    /// Checks what the file's form allows and a host does not.
    ///
    /// # Errors
    /// Names the value that cannot work.
    pub fn check(self) -> Result<(), QuotaSettingsError> {
        if (1..=HOSTS_MAX).contains(&self.hosts) { Ok(()) } else { Err(QuotaSettingsError(self.hosts)) }
    }
}
