//! One version, in a few words and whole.

use extensions_registry_core::{Build, Review, VersionRecord, Waiver};
use extensions_types::{CallLabel, Environment, Evidence, ExtensionDefinition, Origin, RiskTier, Sha256, Version, VersionState};
use serde::Serialize;

use super::{ActorView, Changed, FindingView};

/// A version in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionView {
    /// Its number.
    pub version: Version,
    /// The furthest that it has come.
    pub state: VersionState,
    /// Whether a component is stored and has passed its checks.
    pub built: bool,
    /// Whether a compile is on its way.
    pub compiling: bool,
    /// How it came in.
    pub origin: Origin,
    /// SHA-256 of its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
    /// The component's size; 0 until it is built.
    pub component_bytes: u64,
    /// SHA-256 of its bundle.
    pub bundle_sha256: Sha256,
    /// The tier that it asks for.
    pub risk_tier: RiskTier,
    /// Who made it.
    pub created_by: ActorView,
    /// When.
    pub created_at_ms: u64,
    /// Why its build failed: the first reason in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingView>,
    /// One for each environment that it was submitted for.
    pub reviews: Vec<ReviewView>,
    /// What policies found and somebody wants accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverView>,
    /// Whether retention has removed its source.
    pub source_deleted: bool,
}

/// A version's review for one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewView {
    /// The environment.
    pub env: Environment,
    /// Who approved.
    pub approved_by: Vec<ActorView>,
    /// Who rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_by: Option<ActorView>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rejected_why: String,
    /// Approvals that its tier asks for there.
    pub approvals_needed: u32,
    /// Whether a decision is awaited.
    pub open: bool,
}

/// A policy's finding that should be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaiverView {
    /// The finding, by its code.
    pub finding: CallLabel,
    /// Where it is: `src/lib.rs:12`; empty for one that was asked for by hand.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Why, in the author's words; empty for one that was asked for by hand.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who asked.
    pub requested_by: ActorView,
    /// Who accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<ActorView>,
}

/// A version, whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionDetail {
    /// As lists show it, with every finding.
    pub summary: VersionView,
    /// Limits, schemas, host calls, failure contract; none until it is built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<ExtensionDefinition>,
    /// What was checked and by what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The interfaces that the component imports.
    pub imports: Vec<String>,
    /// The component's world, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wit: Option<String>,
}

/// What became of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uploaded {
    /// The draft after it.
    pub change: Changed,
    /// Why a component is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingView>,
    /// SHA-256 of the component that is served; none for source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
}

impl VersionView {
    pub(crate) fn new(version: Version, record: &VersionRecord) -> Self {
        let built = record.built();
        let findings = match &record.build {
            Build::Failed { message, .. } => {
                vec![FindingView { step: String::new(), code: String::new(), message: message.clone(), place: String::new(), remedy: String::new() }]
            }
            Build::Waiting | Build::Requested { .. } | Build::Built(_) => Vec::new(),
        };
        Self {
            version,
            state: record.state(),
            built: built.is_some(),
            compiling: matches!(record.build, Build::Requested { .. }),
            origin: record.draft.origin,
            digest: built.map(|built| built.component_sha256),
            component_bytes: built.map_or(0, |built| built.component_bytes),
            bundle_sha256: record.draft.source_sha256,
            risk_tier: record.draft.about.risk_tier,
            created_by: (&record.created_by).into(),
            created_at_ms: record.created_at_ms,
            findings,
            reviews: record.reviews.iter().map(|(env, review)| ReviewView::new(record, *env, review)).collect(),
            waivers: record.waivers.iter().map(WaiverView::from).collect(),
            source_deleted: record.source_deleted,
        }
    }
}

impl ReviewView {
    fn new(record: &VersionRecord, env: Environment, review: &Review) -> Self {
        let needed = record.approvals_needed(env);
        Self {
            env,
            approved_by: review.approvals.iter().map(|approval| (&approval.by).into()).collect(),
            rejected_by: review.rejected.as_ref().map(|rejection| (&rejection.by).into()),
            rejected_why: review.rejected.as_ref().map(|rejection| rejection.why.clone()).unwrap_or_default(),
            approvals_needed: u32::try_from(needed).unwrap_or(u32::MAX),
            open: record.awaits_decision(env),
        }
    }
}

impl From<&Waiver> for WaiverView {
    fn from(waiver: &Waiver) -> Self {
        Self {
            finding: waiver.finding.clone(),
            place: waiver.place.clone(),
            reason: waiver.reason.clone(),
            requested_by: (&waiver.requested_by).into(),
            granted_by: waiver.granted_by.as_ref().map(ActorView::from),
        }
    }
}
