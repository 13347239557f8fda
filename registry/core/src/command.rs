//! What may be asked of an extension's history.

use extensions_types::{CallLabel, Environment, Kind, RiskTier, Sha256, Version};
use serde::Serialize;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::{Built, Draft, Finding, Pin};

/// One command: at most one event comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<A = Action> {
    /// The idempotency key, scoped to the tenant and the caller's person.
    pub id: CallLabel,
    /// The last seq that the caller has seen; a later one refuses.
    pub expected_seq: Option<u64>,
    /// Why, for the history: at most [`WHY_BYTES_MAX`](crate::bounds::WHY_BYTES_MAX) bytes.
    pub why: String,
    /// Where it came from: the peer's address, as the registry saw it.
    pub from: Option<String>,
    /// What is asked.
    pub action: A,
}

impl<A: Serialize> Command<A> {
    /// What tells this command from another under the same id. `from` may
    /// differ between two tries of one command.
    #[must_use]
    pub fn content(&self) -> Sha256 {
        let content = (&self.action, &self.why, self.expected_seq);
        let bytes = serde_json::to_vec(&content).expect("actions are enums of texts and numbers, which are always JSON");
        Sha256::new(Hasher::digest(bytes).into())
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Allot the next number to a draft. Author.
    CreateVersion(Draft),
    /// Compile a draft's source. Author; the registry asks again by age.
    RequestCompile {
        /// The draft.
        version: Version,
    },
    /// A build or a check gave a component. Registry only.
    ReportBuilt {
        /// The draft.
        version: Version,
        /// Its kind, as the definition says.
        kind: Kind,
        /// Its tier, as the definition says.
        risk_tier: RiskTier,
        /// What was made.
        built: Built,
    },
    /// A build or a check gave none. Registry only.
    ReportFailed {
        /// The draft.
        version: Version,
        /// The attempt that failed; 0 for an uploaded component.
        attempt: u32,
        /// Every reason.
        findings: Vec<Finding>,
    },
    /// Ask for review. Author.
    Submit {
        /// A built version.
        version: Version,
        /// Where it shall go.
        to: Environment,
    },
    /// Say yes. Reviewer.
    Approve {
        /// A submitted version.
        version: Version,
        /// The environment that it was submitted for.
        to: Environment,
        /// The component that was reviewed; none for the version's own.
        digest: Option<Sha256>,
    },
    /// Say no. Reviewer; `why` is required.
    Reject {
        /// A submitted version.
        version: Version,
        /// The environment that it was submitted for.
        to: Environment,
    },
    /// Serve a version. Releaser.
    Promote {
        /// A built version.
        version: Version,
        /// Where.
        env: Environment,
    },
    /// Serve a version again that the environment has served. Releaser.
    RollBack {
        /// Where.
        env: Environment,
        /// The version.
        to: Version,
    },
    /// Serve some calls another version, or no longer. Releaser.
    Pin {
        /// Where.
        env: Environment,
        /// Which calls.
        pin: Pin,
        /// The version; none removes the pin.
        version: Option<Version>,
    },
    /// Switch off or on. Releaser.
    SetEnabled {
        /// Where.
        env: Environment,
        /// Whether calls are answered.
        enabled: bool,
    },
    /// Take a version out of use for good. Releaser.
    Retire {
        /// The version; nothing may serve it.
        version: Version,
    },
    /// Ask to accept what a policy found. Author; the registry for a marker in the source.
    RequestWaiver {
        /// The version.
        version: Version,
        /// The finding, by its code.
        finding: CallLabel,
    },
    /// Accept it. Reviewer.
    GrantWaiver {
        /// The version.
        version: Version,
        /// The finding, by its code.
        finding: CallLabel,
    },
    /// Lower the tier that versions must at least have. Operator.
    LowerTier {
        /// The tier from now on.
        to: RiskTier,
    },
    /// The source is past its time. Registry only.
    DeleteSource {
        /// The version.
        version: Version,
    },
    /// The version is past its time. Registry only.
    DeleteVersion {
        /// The version; nothing may list or await it.
        version: Version,
    },
}

impl Action {
    /// The environment that it is about, whose control decides with.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        match *self {
            Self::Submit { to, .. } | Self::Approve { to, .. } | Self::Reject { to, .. } => Some(to),
            Self::Promote { env, .. } | Self::RollBack { env, .. } | Self::Pin { env, .. } | Self::SetEnabled { env, .. } => Some(env),
            Self::CreateVersion(_)
            | Self::RequestCompile { .. }
            | Self::ReportBuilt { .. }
            | Self::ReportFailed { .. }
            | Self::Retire { .. }
            | Self::RequestWaiver { .. }
            | Self::GrantWaiver { .. }
            | Self::LowerTier { .. }
            | Self::DeleteSource { .. }
            | Self::DeleteVersion { .. } => None,
        }
    }

    /// The version that it names.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match *self {
            Self::RequestCompile { version }
            | Self::ReportBuilt { version, .. }
            | Self::ReportFailed { version, .. }
            | Self::Submit { version, .. }
            | Self::Approve { version, .. }
            | Self::Reject { version, .. }
            | Self::Promote { version, .. }
            | Self::RollBack { to: version, .. }
            | Self::Retire { version }
            | Self::RequestWaiver { version, .. }
            | Self::GrantWaiver { version, .. }
            | Self::DeleteSource { version }
            | Self::DeleteVersion { version } => Some(version),
            Self::Pin { version, .. } => version,
            Self::CreateVersion(_) | Self::SetEnabled { .. } | Self::LowerTier { .. } => None,
        }
    }
}
