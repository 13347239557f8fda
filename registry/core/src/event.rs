//! What has happened: the words of history, stored for good.
//!
//! A field is never renamed or removed and no meaning changes within schema 1;
//! tests/changes.rs holds one stored example of each.

use extensions_types::{CallLabel, Environment, RiskTier, SchemaV1, Sha256, Version};
use serde::{Deserialize, Serialize};

use crate::{Actor, Built, Caller, Command, Draft, Finding, Pin};

/// One event of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<C = Change> {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// Its number within the history, from 1, without gaps.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch, as the registry's clock
    /// said. Order is by `seq` alone.
    pub at_ms: u64,
    /// The command that it answers.
    pub command_id: CallLabel,
    /// That command's content.
    pub content: Sha256,
    /// Who.
    pub actor: Actor,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What.
    pub change: C,
}

impl<C> Event<C> {
    /// The event that records `change` as number `seq`.
    #[must_use]
    pub fn new<A: Serialize>(seq: u64, at_ms: u64, command: &Command<A>, caller: &Caller, change: C) -> Self {
        Self {
            schema: SchemaV1,
            seq,
            at_ms,
            command_id: command.id.clone(),
            content: command.content(),
            actor: caller.actor.clone(),
            from: command.from.clone(),
            why: command.why.clone(),
            change,
        }
    }

    /// Whether it records just this command: after a lost answer, the own
    /// event is told from another's by it.
    #[must_use]
    pub fn answers<A: Serialize>(&self, command: &Command<A>, caller: &Caller) -> bool {
        self.command_id == command.id && self.actor.iss == caller.actor.iss && self.actor.sub == caller.actor.sub && self.content == command.content()
    }
}

/// One change of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    /// A draft got its number.
    VersionCreated {
        /// The number.
        version: Version,
        /// What was known of it then.
        draft: Draft,
    },
    /// A compile was asked for.
    CompileRequested {
        /// The draft.
        version: Version,
        /// Counts from 1; results of earlier attempts no longer count.
        attempt: u32,
    },
    /// The component and its document are stored and hold.
    VersionBuilt {
        /// The version.
        version: Version,
        /// What was made.
        built: Built,
    },
    /// The draft gave no component. For good.
    VersionFailed {
        /// The version.
        version: Version,
        /// The attempt that failed.
        attempt: u32,
        /// The first reasons.
        findings: Vec<Finding>,
    },
    /// Review was asked for.
    ReviewSubmitted {
        /// The version.
        version: Version,
        /// Where it shall go.
        to: Environment,
    },
    /// A person said yes.
    Approved {
        /// The version.
        version: Version,
        /// Where it may go.
        to: Environment,
        /// The component that may go there.
        digest: Sha256,
    },
    /// A person said no; the event's `why` says why. For good.
    Rejected {
        /// The version.
        version: Version,
        /// Where it may not go.
        to: Environment,
    },
    /// An environment serves a version.
    Promoted {
        /// The version.
        version: Version,
        /// Where.
        env: Environment,
        /// Its component.
        digest: Sha256,
    },
    /// An environment serves an earlier version again.
    RolledBack {
        /// Where.
        env: Environment,
        /// What it served.
        from: Version,
        /// What it serves.
        to: Version,
    },
    /// Some calls get another version, or no longer.
    Pinned {
        /// Where.
        env: Environment,
        /// Which calls.
        pin: Pin,
        /// The version; none: the pin is gone.
        version: Option<Version>,
    },
    /// An environment's entry was switched.
    EnabledSet {
        /// Where.
        env: Environment,
        /// Whether calls are answered.
        enabled: bool,
    },
    /// A version is out of use. For good.
    Retired {
        /// The version.
        version: Version,
    },
    /// What a policy found should be accepted.
    WaiverRequested {
        /// The version.
        version: Version,
        /// The finding, by its code.
        finding: CallLabel,
    },
    /// What a policy found is accepted.
    WaiverGranted {
        /// The version.
        version: Version,
        /// The finding, by its code.
        finding: CallLabel,
    },
    /// New versions may have a lower tier.
    TierLowered {
        /// The tier before.
        from: RiskTier,
        /// The tier from now on.
        to: RiskTier,
    },
    /// A version's source may be removed.
    SourceDeleted {
        /// The version.
        version: Version,
    },
    /// All of a version's objects may be removed; its number stays used.
    VersionDeleted {
        /// The version.
        version: Version,
    },
}

impl Change {
    /// The word for it in history: `promoted`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::VersionCreated { .. } => "version_created",
            Self::CompileRequested { .. } => "compile_requested",
            Self::VersionBuilt { .. } => "version_built",
            Self::VersionFailed { .. } => "version_failed",
            Self::ReviewSubmitted { .. } => "review_submitted",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Promoted { .. } => "promoted",
            Self::RolledBack { .. } => "rolled_back",
            Self::Pinned { .. } => "pinned",
            Self::EnabledSet { .. } => "enabled_set",
            Self::Retired { .. } => "retired",
            Self::WaiverRequested { .. } => "waiver_requested",
            Self::WaiverGranted { .. } => "waiver_granted",
            Self::TierLowered { .. } => "tier_lowered",
            Self::SourceDeleted { .. } => "source_deleted",
            Self::VersionDeleted { .. } => "version_deleted",
        }
    }

    /// The version concerned.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        match *self {
            Self::VersionCreated { version, .. }
            | Self::CompileRequested { version, .. }
            | Self::VersionBuilt { version, .. }
            | Self::VersionFailed { version, .. }
            | Self::ReviewSubmitted { version, .. }
            | Self::Approved { version, .. }
            | Self::Rejected { version, .. }
            | Self::Promoted { version, .. }
            | Self::RolledBack { to: version, .. }
            | Self::Retired { version }
            | Self::WaiverRequested { version, .. }
            | Self::WaiverGranted { version, .. }
            | Self::SourceDeleted { version }
            | Self::VersionDeleted { version } => Some(version),
            Self::Pinned { version, .. } => version,
            Self::EnabledSet { .. } | Self::TierLowered { .. } => None,
        }
    }

    /// The environment concerned.
    #[must_use]
    pub const fn environment(&self) -> Option<Environment> {
        match *self {
            Self::ReviewSubmitted { to, .. } | Self::Approved { to, .. } | Self::Rejected { to, .. } => Some(to),
            Self::Promoted { env, .. } | Self::RolledBack { env, .. } | Self::Pinned { env, .. } | Self::EnabledSet { env, .. } => Some(env),
            Self::VersionCreated { .. }
            | Self::CompileRequested { .. }
            | Self::VersionBuilt { .. }
            | Self::VersionFailed { .. }
            | Self::Retired { .. }
            | Self::WaiverRequested { .. }
            | Self::WaiverGranted { .. }
            | Self::TierLowered { .. }
            | Self::SourceDeleted { .. }
            | Self::VersionDeleted { .. } => None,
        }
    }
}
