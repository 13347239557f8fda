//! What operators read of breakers.

use std::time::Duration;

use extensions_types::{ExtensionId, TenantId, Version};
use serde::Serialize;

use crate::{
    breaker::Breaker,
    machine::{Machine, Reason, State},
};

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls are refused.
    Open,
    /// A few calls go through and decide.
    Probing,
    /// Calls go through and are counted.
    Closed,
}

/// One version that had trouble lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerStatus {
    /// Whose.
    pub tenant: TenantId,
    /// Which extension.
    pub extension: ExtensionId,
    /// Which version.
    pub version: Version,
    /// Whether it is called.
    pub state: BreakerState,
    /// Why it opened last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// For an open one: when it is tried again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How often it opened since it last was without trouble.
    pub openings: u32,
    /// When a call last failed or was slow, in milliseconds before now.
    pub trouble_age_ms: u64,
}

/// Breakers of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// How many versions do not answer now, or are being tried.
    pub open: usize,
    /// How many versions had trouble lately, open ones included.
    pub troubled: usize,
    /// The open ones first; at most [`Self::SHOWN_MAX`].
    pub breakers: Vec<BreakerStatus>,
}

impl Listed {
    /// More are counted, not shown.
    pub const SHOWN_MAX: usize = 100;
}

pub(crate) fn status(breaker: &Breaker, machine: &Machine, now: Duration) -> BreakerStatus {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (state, retry_after_ms) = match machine.state {
        State::Closed(_) => (BreakerState::Closed, None),
        State::Open { until } => (BreakerState::Open, Some(millis(until.saturating_sub(now)))),
        State::Probing { .. } => (BreakerState::Probing, None),
    };
    let definition = breaker.definition();
    BreakerStatus {
        tenant: definition.tenant_id.clone(),
        extension: definition.id.clone(),
        version: definition.version,
        state,
        reason: machine.reason,
        retry_after_ms,
        openings: machine.openings,
        trouble_age_ms: millis(now.saturating_sub(machine.troubled)),
    }
}
