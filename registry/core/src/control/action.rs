//! What may be asked of an environment's control.

use std::collections::BTreeSet;

use extensions_types::{CallLabel, ControlScope, ControlSource, FailureCause, HostCallName, PolicyMode, QuotaLimits, SwitchTarget, TenantId, Weight};
use serde::Serialize;

/// What is asked of an environment's control. What a source sets, it alone takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ControlAction {
    /// Force something off. `why` is required. Asked again with another end or
    /// `abort`, it replaces what the source had set.
    ForceOff {
        /// What.
        target: SwitchTarget,
        /// Who holds it off.
        source: ControlSource,
        /// Until when, in milliseconds since the Unix epoch.
        // As commands of before had it: their repetition must be known again.
        #[serde(skip_serializing_if = "Option::is_none")]
        until_ms: Option<u64>,
        /// Whether what runs ends at once.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        abort: bool,
    },
    /// End that; other sources may still hold it off.
    Lift {
        /// What.
        target: SwitchTarget,
        /// Who held it off.
        source: ControlSource,
    },
    /// Clear away a switch whose time is over. Registry only.
    Expire {
        /// What.
        target: SwitchTarget,
        /// Who held it off.
        source: ControlSource,
        /// The end that was seen; a switch with another one stays.
        until_ms: u64,
    },
    /// Limit a scope; replaces all limits that the source had set for it.
    SetQuota {
        /// Whose.
        target: ControlScope,
        /// Who limits.
        source: ControlSource,
        /// How much.
        limits: QuotaLimits,
    },
    /// End that.
    ClearQuota {
        /// Whose.
        target: ControlScope,
        /// Who limited.
        source: ControlSource,
    },
    /// Give a tenant a share.
    SetWeight {
        /// Whose.
        tenant: TenantId,
        /// Who gives it.
        source: ControlSource,
        /// How much.
        weight: Weight,
    },
    /// End that.
    ClearWeight {
        /// Whose.
        tenant: TenantId,
        /// Who gave it.
        source: ControlSource,
    },
    /// Set a policy; replaces the source's one of the same name.
    SetPolicy {
        /// Its name.
        name: CallLabel,
        /// Who sets it.
        source: ControlSource,
        /// Whose host calls it rules.
        target: ControlScope,
        /// Whether it denies or only notes.
        mode: PolicyMode,
        /// The only methods that may be called.
        methods: BTreeSet<HostCallName>,
    },
    /// End that.
    ClearPolicy {
        /// Its name.
        name: CallLabel,
        /// Who set it.
        source: ControlSource,
    },
    /// Deny causes, whatever failure contracts say; replaces the source's ones of the scope.
    Tighten {
        /// Whose contracts.
        target: ControlScope,
        /// Who denies.
        source: ControlSource,
        /// Which causes.
        causes: BTreeSet<FailureCause>,
    },
    /// End that.
    Loosen {
        /// Whose contracts.
        target: ControlScope,
        /// Who denied.
        source: ControlSource,
    },
}

impl ControlAction {
    /// Forces `target` off until it is lifted; what runs ends at its limits.
    #[must_use]
    pub fn force_off(target: SwitchTarget, source: ControlSource) -> Self {
        Self::ForceOff { target, source, until_ms: None, abort: false }
    }

    /// Who sets or takes back.
    #[must_use]
    pub const fn source(&self) -> ControlSource {
        match self {
            Self::ForceOff { source, .. }
            | Self::Lift { source, .. }
            | Self::Expire { source, .. }
            | Self::SetQuota { source, .. }
            | Self::ClearQuota { source, .. }
            | Self::SetWeight { source, .. }
            | Self::ClearWeight { source, .. }
            | Self::SetPolicy { source, .. }
            | Self::ClearPolicy { source, .. }
            | Self::Tighten { source, .. }
            | Self::Loosen { source, .. } => *source,
        }
    }
}
