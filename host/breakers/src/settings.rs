//! `[breaker]`: when a version counts as broken, and for how long.

use std::time::Duration;

use serde::Deserialize;

/// When breakers open and close. The same for all versions of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Whether there are breakers at all.
    pub enabled: bool,
    /// Calls of this long count, in milliseconds.
    pub window_ms: u64,
    /// Fewer calls in a window say nothing.
    pub calls_min: u32,
    /// A breaker opens when this share of them failed, in percent.
    pub error_percent: u32,
    /// A call is slow that ran for this part of the extension's wall limit, in percent.
    pub slow_at_percent: u32,
    /// A breaker opens when this share of calls was slow, in percent.
    pub slow_percent: u32,
    /// How long an open breaker refuses calls at first, in milliseconds.
    pub rest_ms: u64,
    /// Each failed probe doubles the rest, up to this.
    pub rest_max_ms: u64,
    /// Calls let through after a rest; all of them must succeed.
    pub probes: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            window_ms: 10_000,
            calls_min: 20,
            error_percent: 50,
            slow_at_percent: 80,
            slow_percent: 50,
            rest_ms: 5_000,
            rest_max_ms: 60_000,
            probes: 3,
        }
    }
}

/// A value that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("breaker.{key} is {value}; it must be between {min} and {max}")]
pub struct BreakerSettingsError {
    key: &'static str,
    value: u64,
    min: u64,
    max: u64,
}

impl BreakerSettings {
    /// Whether the values can work.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn check(&self) -> Result<(), BreakerSettingsError> {
        let within =
            |key, value: u64, min, max| if (min..=max).contains(&value) { Ok(()) } else { Err(BreakerSettingsError { key, value, min, max }) };
        within("window_ms", self.window_ms, 100, 600_000)?;
        within("calls_min", self.calls_min.into(), 1, 1_000_000)?;
        within("error_percent", self.error_percent.into(), 1, 100)?;
        within("slow_at_percent", self.slow_at_percent.into(), 1, 100)?;
        within("slow_percent", self.slow_percent.into(), 1, 100)?;
        within("rest_ms", self.rest_ms, 10, 600_000)?;
        within("rest_max_ms", self.rest_max_ms, self.rest_ms, 3_600_000)?;
        within("probes", self.probes.into(), 1, 100)
    }

    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }

    pub(crate) fn rest_max(&self) -> Duration {
        Duration::from_millis(self.rest_max_ms)
    }

    /// The rest after `opened` openings in a row, counted from 0.
    pub(crate) fn rest(&self, opened: u32) -> Duration {
        let doubled = self.rest_ms.saturating_mul(1u64.checked_shl(opened).unwrap_or(u64::MAX));
        Duration::from_millis(doubled.min(self.rest_max_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work_and_nonsense_is_named() {
        assert_eq!(BreakerSettings::default().check(), Ok(()));
        let text = BreakerSettings { error_percent: 101, ..BreakerSettings::default() }.check().unwrap_err().to_string();
        assert_eq!(text, "breaker.error_percent is 101; it must be between 1 and 100");
        let text = BreakerSettings { rest_max_ms: 1, ..BreakerSettings::default() }.check().unwrap_err().to_string();
        assert_eq!(text, "breaker.rest_max_ms is 1; it must be between 5000 and 3600000");
    }

    #[test]
    fn rests_double_up_to_their_bound() {
        let rest = |opened| BreakerSettings::default().rest(opened).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 40, 80].map(rest), [5, 10, 20, 40, 60, 60, 60]);
    }
}
