//! The host's own log: JSON lines on standard error, with correlation ids.

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object each, for machines.
    #[default]
    Json,
    /// For a developer's terminal.
    Text,
}

/// Starts the process's log on standard error.
///
/// # Errors
/// When the filter is not one, or a log has been started already.
pub fn start_logging(format: LogFormat, filter: Option<&str>) -> Result<(), crate::SettingsError> {
    let wrong = |error: &dyn std::fmt::Display| crate::SettingsError::Value(format!("log.filter: {error}"));
    let filter = EnvFilter::builder().parse(filter.unwrap_or("info")).map_err(|error| wrong(&error))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => builder.compact().with_target(false).try_init(),
    }
    .map_err(|error| wrong(&error))
}
