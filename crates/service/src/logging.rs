//! A service's own log: JSON lines on standard error, with correlation ids.

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, fmt};

use crate::SettingsError;

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

/// The `[log]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `json` or `text`.
    pub format: LogFormat,
    /// A tracing filter: `info`, `extensions_front=debug,info`.
    pub filter: Option<String>,
}

/// Starts the process's log on standard error.
///
/// # Errors
/// When the filter is not one, or a log has been started already.
pub fn start_logging(format: LogFormat, filter: Option<&str>) -> Result<(), SettingsError> {
    let wrong = |error: &dyn std::fmt::Display| SettingsError::Value(format!("log.filter: {error}"));
    let filter = EnvFilter::builder().parse(filter.unwrap_or("info")).map_err(|error| wrong(&error))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => builder.compact().with_target(false).try_init(),
    }
    .map_err(|error| wrong(&error))
}
