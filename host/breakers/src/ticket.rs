//! What a call carries from its admission to its end.

use std::{sync::Arc, time::Duration};

use crate::{breaker::Breaker, window::Counts};

/// The breaker is open: the version failed too often lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the version failed or was slow too often lately and is not called for a while; try again after the hint")]
pub struct Open {
    /// When a call may pass again.
    pub retry_after: Duration,
}

/// How a call ended, as far as breakers care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The version answered.
    Answered {
        /// Whether it took most of its wall limit.
        slow: bool,
    },
    /// It failed technically: by a fault of its own or of what it calls.
    Failed,
}

impl Ended {
    pub(crate) fn is_trouble(self) -> bool {
        match self {
            Self::Answered { slow } => slow,
            Self::Failed => true,
        }
    }

    pub(crate) fn counts(self) -> Counts {
        match self {
            Self::Answered { slow } => Counts { calls: 1, failed: 0, slow: slow.into() },
            Self::Failed => Counts { calls: 1, failed: 1, slow: 0 },
        }
    }
}

/// A call that was let through. Dropped without a report it says nothing of the
/// version: a rejection, a caller who left, a full host.
#[derive(Debug)]
#[must_use = "a call's end is reported, or it counts nothing"]
pub struct Ticket {
    pub(crate) held: Option<Held>,
}

/// The breaker that let a call through, where there was one.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) epoch: u32,
    pub(crate) is_probe: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.machine().give_back(self.epoch);
        }
    }
}
