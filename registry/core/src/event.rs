//! What has happened: the words of history, stored for good.
//!
//! A field is never renamed or removed and no meaning changes within schema 1;
//! tests/changes.rs holds one stored example of each.

use extensions_types::{CallLabel, Environment, Kind, Origin, RiskTier, SchemaV1, Sha256, TestCounts, Version};
use serde::{Deserialize, Serialize};

use crate::{Actor, Caller, Command};

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

/// What is known of a version before its bytes arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Source, or a component from outside.
    pub origin: Origin,
    /// Digest of the bundle that follows.
    pub source_sha256: Sha256,
    /// Its size.
    pub source_bytes: u64,
    /// What its extension.toml says.
    pub about: About,
}

/// What an extension.toml says of a version, as far as history cares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it is called for.
    pub kind: Kind,
    /// The tier that it asks for.
    pub risk_tier: RiskTier,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What a build gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Built {
    /// The attempt that succeeded; 0 for an uploaded component.
    pub attempt: u32,
    /// Digest of the stored version document.
    pub definition_sha256: Sha256,
    /// Digest of the component.
    pub component_sha256: Sha256,
    /// The component's size.
    pub component_bytes: u64,
    /// The extension's own cases.
    pub tests: TestCounts,
    /// What built it; empty for an uploaded component.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub toolchain: String,
}

/// One reason why something may not be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The step that found it.
    pub step: String,
    /// A stable word for programs.
    pub code: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// The calls that a pin is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    /// Those of one calling primitive.
    Caller(CallLabel),
    /// Those at one hook point.
    HookPoint(CallLabel),
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
