//! What has happened to an environment's control: stored for good.
//!
//! A field is never renamed or removed within schema 1; tests/changes.rs holds
//! one stored example of each.

use std::collections::BTreeSet;

use extensions_types::{CallLabel, ControlScope, ControlSource, FailureCause, HostCallName, PolicyMode, QuotaLimits, SwitchTarget, TenantId, Weight};
use serde::{Deserialize, Serialize};

/// One change of an environment's control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlChange {
    /// Something is off; the event's `why` says why.
    ForcedOff {
        /// What.
        target: SwitchTarget,
        /// Who holds it off.
        source: ControlSource,
        /// Until when; none: until it is lifted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<u64>,
        /// Whether what ran was to end at once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        abort: bool,
    },
    /// One source no longer holds it off.
    Lifted {
        /// What.
        target: SwitchTarget,
        /// Who held it off.
        source: ControlSource,
    },
    /// The time of a switch was over.
    Expired {
        /// What.
        target: SwitchTarget,
        /// Who held it off.
        source: ControlSource,
    },
    /// A scope has these limits.
    QuotaSet {
        /// Whose.
        target: ControlScope,
        /// Who limits.
        source: ControlSource,
        /// How much.
        limits: QuotaLimits,
    },
    /// One source no longer limits it.
    QuotaCleared {
        /// Whose.
        target: ControlScope,
        /// Who limited.
        source: ControlSource,
    },
    /// A tenant has this share.
    WeightSet {
        /// Whose.
        tenant: TenantId,
        /// Who gives it.
        source: ControlSource,
        /// How much.
        weight: Weight,
    },
    /// One source no longer gives it one.
    WeightCleared {
        /// Whose.
        tenant: TenantId,
        /// Who gave it.
        source: ControlSource,
    },
    /// A policy holds.
    PolicySet {
        /// Its name.
        name: CallLabel,
        /// Who set it.
        source: ControlSource,
        /// Whose host calls it rules.
        target: ControlScope,
        /// Whether it denies or only notes.
        mode: PolicyMode,
        /// The only methods that may be called.
        methods: BTreeSet<HostCallName>,
    },
    /// It no longer holds.
    PolicyCleared {
        /// Its name.
        name: CallLabel,
        /// Who had set it.
        source: ControlSource,
    },
    /// Causes are denied, whatever failure contracts say.
    Tightened {
        /// Whose contracts.
        target: ControlScope,
        /// Who denies.
        source: ControlSource,
        /// Which causes.
        causes: BTreeSet<FailureCause>,
    },
    /// One source no longer denies any.
    Loosened {
        /// Whose contracts.
        target: ControlScope,
        /// Who denied.
        source: ControlSource,
    },
}

impl ControlChange {
    /// The word for it in history: `forced_off`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ForcedOff { .. } => "forced_off",
            Self::Lifted { .. } => "lifted",
            Self::Expired { .. } => "expired",
            Self::QuotaSet { .. } => "quota_set",
            Self::QuotaCleared { .. } => "quota_cleared",
            Self::WeightSet { .. } => "weight_set",
            Self::WeightCleared { .. } => "weight_cleared",
            Self::PolicySet { .. } => "policy_set",
            Self::PolicyCleared { .. } => "policy_cleared",
            Self::Tightened { .. } => "tightened",
            Self::Loosened { .. } => "loosened",
        }
    }
}
