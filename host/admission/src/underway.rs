//! One call on its way: what every step and every attempt needs of it.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use extensions_engine::Outcome;
use extensions_types::{ErrorCode, ExecutionContext, Refusal};

use crate::{Account, prepared::Prepared};

/// One input of a request, on its way to an answer.
#[derive(Debug)]
pub(crate) struct Underway<'r> {
    pub(crate) request: &'r Prepared<'r>,
    pub(crate) input: Bytes,
    /// When its head arrived. Quotas and breakers take it for now: the clock is
    /// read once for a request, and an older moment is only stricter.
    pub(crate) accepted: Instant,
    pub(crate) account: Arc<Account>,
}

impl Underway<'_> {
    pub(crate) fn context(&self) -> &Arc<ExecutionContext> {
        &self.account.context
    }
}

/// A version gave nothing: the platform refused, before or while it ran.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) refusal: Refusal,
    /// The quota that was used up.
    pub(crate) quota: Option<&'static str>,
    /// Whether a host call was or may have been issued.
    pub(crate) issued: bool,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, quota: None, issued: false }
    }
}

/// An attempt without an answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The version ran and failed: its result is a failure.
    Failed(Outcome),
    /// The platform refused.
    Stopped(Stopped),
}

impl Fault {
    /// Why there is no answer; none where there is one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Failed(outcome) => outcome.result.as_ref().err().map(|failure| failure.code),
            Self::Stopped(stopped) => Some(stopped.refusal.code),
        }
    }

    /// The public text of it.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Failed(outcome) => outcome.result.as_ref().err().map_or("", |failure| &failure.message),
            Self::Stopped(stopped) => &stopped.refusal.message,
        }
    }

    /// Whether another version could do twice what this one did.
    pub(crate) fn issued(&self) -> bool {
        match self {
            Self::Failed(outcome) => outcome.issued,
            Self::Stopped(stopped) => stopped.issued,
        }
    }
}
