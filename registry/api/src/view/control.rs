//! An environment's control.

use extensions_registry_core::control::ControlChange;
use extensions_registry_ledger::{Affected, Preview};
use extensions_types::{ControlState, Policy, Quota, Switch, TenantWeight, Tightening};
use serde::Serialize;

/// An environment's control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlView {
    /// The last change.
    pub seq: u64,
    /// Rises when it was rebuilt or restored.
    pub generation: u64,
    /// What is off.
    pub switches: Vec<Switch>,
    /// Limits.
    pub quotas: Vec<Quota>,
    /// Shares.
    pub weights: Vec<TenantWeight>,
    /// What host calls may be made.
    pub policies: Vec<Policy>,
    /// Failures that no contract answers for.
    pub tightenings: Vec<Tightening>,
}

/// The control after a change, or after a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlChanged {
    /// The event's seq; of a dry run, the last event's.
    pub seq: u64,
    /// False when it had been so before.
    pub changed: bool,
    /// What a dry run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<ControlPreview>,
}

/// What a change would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlPreview {
    /// The change as history would have it; none where it is so already.
    pub change: Option<ControlChange>,
    /// What it would take the place of.
    pub replaced: Option<serde_json::Value>,
    /// The first extensions that it is about, as `tenant/extension`.
    pub affected: Vec<String>,
    /// How many there are.
    pub affected_total: u64,
    /// Whether there may be more than were looked at.
    pub affected_more: bool,
}

impl ControlPreview {
    pub(crate) fn of(preview: &Preview, affected: Affected) -> Self {
        let Affected { shown, total, more } = affected;
        let replaced = preview.change.as_ref().and_then(|change| preview.control.replaced(change));
        Self {
            change: preview.change.clone(),
            // Records are texts and numbers, which are always JSON.
            replaced: replaced.and_then(|replaced| serde_json::to_value(replaced).ok()),
            affected: shown.iter().map(ToString::to_string).collect(),
            affected_total: total as u64,
            affected_more: more,
        }
    }
}

impl From<ControlState> for ControlView {
    fn from(state: ControlState) -> Self {
        let ControlState { applied_seq, generation, switches, quotas, weights, policies, tightenings, .. } = state;
        Self { seq: applied_seq, generation, switches, quotas, weights, policies, tightenings }
    }
}
