//! What goes into one invocation and what comes out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_fair::Payer;
use extensions_types::{ErrorCode, ExecutionContext};

use crate::{HostCalls, Observer};

/// One invocation, ready to run: its input is within the definition's limit.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls; the guest sees it through `context.current()`.
    pub context: Arc<ExecutionContext>,
    /// Checked here to be one JSON value that matches the schema.
    pub input: Bytes,
    /// When the request was accepted; wall limits count from the start of the
    /// guest, statistics from here.
    pub accepted: Instant,
    /// When the caller's patience ends.
    pub deadline: Option<Instant>,
    /// What answers the guest's host calls.
    pub host_calls: Arc<dyn HostCalls>,
    /// Whose CPU time it is; dropped when the call's instance is gone.
    pub payer: Arc<dyn Payer>,
    /// Sees it end.
    pub observer: Arc<dyn Observer>,
}

/// What one invocation gave. There is always one, whatever the guest did.
#[derive(Debug)]
pub struct Outcome {
    /// The answer as JSON of the kind's wire form, or why there is none.
    pub result: Result<Bytes, Failure>,
    /// What it cost.
    pub stats: Stats,
    /// What the guest logged, in order.
    pub logs: Vec<LogLine>,
    /// Lines beyond what one call may log.
    pub logs_dropped: u32,
    /// Whether a host call was issued, or may have been: one that was answered
    /// by anything but `denied`. Asking another version could then do it twice.
    pub issued: bool,
}

impl Outcome {
    /// An invocation that ended before it cost anything.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self::of(Err(failure))
    }

    /// A result and nothing beside it.
    pub(crate) fn of(result: Result<Bytes, Failure>) -> Self {
        Self { result, stats: Stats::default(), logs: Vec::new(), logs_dropped: 0, issued: false }
    }
}

/// A failure's text; a guest's logs hold the rest.
const TEXT_BYTES_MAX: usize = 2 << 10;

/// Why an invocation gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// One of the codes that a host can give for an invocation.
    pub code: ErrorCode,
    /// Public text: for the user on a rejection, else for the author.
    pub message: String,
}

impl Failure {
    /// A failure with its public text, cut at 2 KiB: it may be a guest's own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > TEXT_BYTES_MAX {
            message.truncate(message.floor_char_boundary(TEXT_BYTES_MAX));
            message.push('…');
        }
        Self { code, message }
    }
}

/// What one invocation cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Thread CPU time of everything that was done for it: instantiation, guest,
    /// host functions, checks, and taking the instance down.
    pub cpu: Duration,
    /// From acceptance to outcome: the sum of the four below.
    pub wall: Duration,
    /// Part of `wall` spent waiting: for the request's body, for a load, for turns.
    pub queue: Duration,
    /// Part of `wall` spent making a fresh instance.
    pub instantiate: Duration,
    /// Part of `wall` spent in the guest and on what surrounds it: reading its
    /// input, checking its answer, taking the instance down.
    pub guest: Duration,
    /// Part of `wall` spent in host calls.
    pub host_call_time: Duration,
    /// The largest sum of the guest's memories and tables.
    pub memory_peak_bytes: u64,
    /// Host calls made, denied ones included.
    pub host_calls: u32,
}

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// The level's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line that a guest logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// As the guest said.
    pub level: LogLevel,
    /// Whole, never cut.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let text = |text: &str| Failure::new(ErrorCode::Rejected, text).message;
        let cut = text(&"é".repeat(TEXT_BYTES_MAX));
        assert!(cut.len() <= TEXT_BYTES_MAX + '…'.len_utf8() && cut.ends_with("é…"));
        assert_eq!(text("short"), "short");
    }
}
