//! What changes are made of: drafts, builds, pins. Stored for good,
//! as events are.

use std::collections::BTreeSet;

use extensions_types::{CallLabel, FailureCause, IdError, Kind, Origin, RiskTier, Sha256, TestCounts};
use serde::{Deserialize, Serialize};

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
    /// The causes that callers can provoke and that its failure contract answers for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub answers_for: BTreeSet<FailureCause>,
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
    /// What its source asks to be excused from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<AskedWaiver>,
}

/// A waiver that a marker in the source asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedWaiver {
    /// The finding, by its rule and fingerprint.
    pub finding: CallLabel,
    /// Where it is: `src/lib.rs:12`.
    pub place: String,
    /// Why, in the author's words.
    pub reason: String,
}

impl AskedWaiver {
    /// What evidence says of it, under the name that a grant is for: `embedded_secret:0123456789abcdef:40`.
    ///
    /// # Errors
    /// When rule or fingerprint cannot stand in a label.
    pub fn of(waiver: &extensions_types::Waiver) -> Result<Self, IdError> {
        let finding = CallLabel::parse(&format!("{}:{}", waiver.rule, waiver.fingerprint))?;
        Ok(Self { finding, place: waiver.place.clone(), reason: waiver.reason.clone() })
    }
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
