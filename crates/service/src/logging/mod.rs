//! A service's own log: JSON lines on standard error, with correlation ids.
//!
//! Logging never holds a call up: see [`writer`].

mod metrics;
mod writer;

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::fd::AsFd as _,
    panic,
};

use serde::Deserialize;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
};

pub use self::metrics::LogLines;
use self::writer::{FLUSH_MAX, Lines, Lost};
use crate::SettingsError;

/// Lines of this target are never given up for others.
const AUDIT: &str = "audit";

/// Of the one log of the process.
static LOST: Lost = Lost::new();

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

/// The started log. Dropped at the end of the program, it writes what is left,
/// for two seconds at most.
#[derive(Debug)]
#[must_use = "dropped, it waits until what was logged is written; keep it for as long as the program runs"]
pub struct Log {
    lines: Lines,
}

impl Drop for Log {
    fn drop(&mut self) {
        // Nobody is left who could be told that nobody reads.
        let _ = self.lines.flush(FLUSH_MAX);
    }
}

/// Starts the process's log on standard error. Panics are logged as well.
///
/// # Errors
/// When the filter is not one, or a log has been started already.
pub fn start_logging(format: LogFormat, filter: Option<&str>) -> Result<Log, SettingsError> {
    let wrong = |error: &dyn std::fmt::Display| SettingsError::Value(format!("log.filter: {error}"));
    let filter = EnvFilter::builder().parse(filter.unwrap_or("info")).map_err(|error| wrong(&error))?;
    let lines = standard_error().and_then(|sink| Lines::start(sink, &LOST, tell_lost)).map_err(SettingsError::Log)?;
    let builder = fmt::fmt().with_env_filter(filter).with_writer(Writer(lines.clone()));
    match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => {
            let text = builder.compact().with_target(false);
            // Files and pipes get no escapes; on a terminal NO_COLOR is heeded.
            let text = if io::stderr().is_terminal() { text } else { text.with_ansi(false) };
            text.try_init()
        }
    }
    .map_err(|error| wrong(&error))?;
    // The standard hook writes to standard error itself, and would wait for whoever reads it.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(tracing::field::display);
        let message = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(target: "panic", thread = std::thread::current().name(), place, "{message}");
    }));
    Ok(Log { lines })
}

/// Without the lock that everybody takes who prints there.
fn standard_error() -> io::Result<File> {
    io::stderr().as_fd().try_clone_to_owned().map(File::from)
}

fn tell_lost(plain: u64, important: u64) {
    tracing::warn!(plain, important, "lines of this log were lost: nobody took them in time");
}

/// Makes a writer for each event, which hands the whole line over.
#[derive(Debug)]
struct Writer(Lines);

impl<'w> MakeWriter<'w> for Writer {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line { lines: &self.0, important: false }
    }

    fn make_writer_for(&'w self, meta: &Metadata<'_>) -> Line<'w> {
        Line { lines: &self.0, important: *meta.level() == Level::ERROR || meta.target() == AUDIT }
    }
}

/// Takes one line: the formatter writes each with one call.
#[derive(Debug)]
struct Line<'w> {
    lines: &'w Lines,
    important: bool,
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.push(line, self.important);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
