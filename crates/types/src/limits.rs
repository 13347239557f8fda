//! What one invocation may use: defaults and maxima.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Input larger than this is refused unless the definition asks for more.
pub const INPUT_BYTES_DEFAULT: u32 = 1 << 20;
/// Output larger than this is refused unless the definition asks for more.
pub const OUTPUT_BYTES_DEFAULT: u32 = 1 << 20;
/// Log bytes of one invocation; lines beyond them are counted and dropped.
pub const LOG_BYTES_MAX: u32 = 64 << 10;

/// The limits of an extension, each within its platform maximum.
///
/// Defaults and maxima: CPU 50 ms / 1 s, wall 1 s / 30 s, memory 64 / 256 MiB,
/// input and output 1 MiB / 8 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// CPU time of one invocation by the thread clock, in milliseconds: 1 to 1,000.
    pub cpu_millis: u32,
    /// Sum over all memories and tables of an instance, in MiB: 1 to 256.
    pub memory_mb: u32,
    /// Wall time of one invocation, in milliseconds: 1 to 30,000.
    pub timeout_ms: u32,
    /// Size of the input, in bytes: 1 to 8 MiB.
    pub input_bytes: u32,
    /// Size of the output, in bytes: 1 to 8 MiB.
    pub output_bytes: u32,
}

/// A limit outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limits.{field} is {value}; it must be between 1 and {max}")]
pub struct LimitError {
    /// The field's name as in extension.toml.
    pub field: &'static str,
    /// What was asked for.
    pub value: u32,
    /// The platform's maximum.
    pub max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_millis: 50, memory_mb: 64, timeout_ms: 1_000, input_bytes: INPUT_BYTES_DEFAULT, output_bytes: OUTPUT_BYTES_DEFAULT }
    }
}

impl Limits {
    /// The most that any definition may ask for.
    pub const MAX: Self = Self { cpu_millis: 1_000, memory_mb: 256, timeout_ms: 30_000, input_bytes: 8 << 20, output_bytes: 8 << 20 };

    /// Checks every field against its range.
    ///
    /// # Errors
    /// Names each field that is out of range.
    pub fn check(&self) -> Result<(), Vec<LimitError>> {
        let max = Self::MAX;
        let errors: Vec<_> = [
            ("cpu_millis", self.cpu_millis, max.cpu_millis),
            ("memory_mb", self.memory_mb, max.memory_mb),
            ("timeout_ms", self.timeout_ms, max.timeout_ms),
            ("input_bytes", self.input_bytes, max.input_bytes),
            ("output_bytes", self.output_bytes, max.output_bytes),
        ]
        .into_iter()
        .filter(|&(_, value, max)| value == 0 || value > max)
        .map(|(field, value, max)| LimitError { field, value, max })
        .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The CPU limit as a duration.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        Duration::from_millis(self.cpu_millis.into())
    }

    /// The wall limit as a duration.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// The memory limit in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        (self.memory_mb as usize) << 20
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn defaults_and_maxima_are_those_of_the_design() {
        let default = Limits::default();
        assert_eq!((default.cpu_millis, default.timeout_ms, default.memory_mb), (50, 1_000, 64));
        assert_eq!((default.input_bytes, default.output_bytes), (1 << 20, 1 << 20));
        let max = Limits::MAX;
        assert_eq!((max.cpu_millis, max.timeout_ms, max.memory_mb), (1_000, 30_000, 256));
        assert_eq!((max.input_bytes, max.output_bytes), (8 << 20, 8 << 20));
        assert_eq!(default.check(), Ok(()));
        assert_eq!(max.check(), Ok(()));
    }

    proptest! {
        #[test]
        fn checked_limits_are_within_the_maxima(cpu_millis in 0u32..3_000, memory_mb in 0u32..600, timeout_ms in 0u32..60_000) {
            let limits = Limits { cpu_millis, memory_mb, timeout_ms, ..Limits::default() };
            let inside = (1..=1_000).contains(&cpu_millis) && (1..=256).contains(&memory_mb) && (1..=30_000).contains(&timeout_ms);
            prop_assert_eq!(limits.check().is_ok(), inside);
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = Limits { cpu_millis: 0, timeout_ms: 40_000, ..Limits::default() };
        let fields: Vec<_> = wrong.check().unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["cpu_millis", "timeout_ms"]);
    }
}
