//! What the registry holds, as its answers tell it.

use extensions_types::{
    ActorType, Environment, ExtensionId, Finding, Kind, Origin, Policy, Quota, RiskTier, Switch, TenantWeight, Tightening, Version, VersionState,
};
use serde::Serialize;
use serde_json::Value;

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The event's number; the last one's where nothing was left to change.
    pub seq: u64,
    /// False when it had been so before and no event was written.
    pub changed: bool,
    /// The version concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Its state afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<VersionState>,
    /// What the environment concerned serves afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryState>,
}

/// What one environment serves for an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryState {
    /// The environment.
    pub env: Environment,
    /// What `latest` means there; none where nothing is served.
    pub version: Option<Version>,
    /// Its digest, as lowercase hex; empty where nothing is served.
    pub digest: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// The version before that was not rolled back from.
    pub last_good: Option<Version>,
    /// Versions for single callers and hook points.
    pub pins: Vec<Pin>,
}

/// Whose calls a pin is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Of this calling primitive.
    Caller(String),
    /// At this hook point.
    HookPoint(String),
}

/// A version for one caller or one hook point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// Whose calls.
    #[serde(flatten)]
    pub place: Place,
    /// The version that they get.
    pub version: Version,
}

/// An extension as the registry holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Registered {
    /// Its id within the tenant.
    pub id: ExtensionId,
    /// What it is called for.
    pub kind: Kind,
    /// Its newest version's tier.
    pub risk_tier: RiskTier,
    /// The tier that new versions must at least have: the highest ever
    /// promoted, until an operator lowers it.
    pub tier_min: Option<RiskTier>,
    /// One sentence by its author.
    pub description: String,
    /// By its author.
    pub tags: Vec<String>,
    /// The last event's number.
    pub seq: u64,
    /// Rises when its state was rebuilt or restored.
    pub generation: u64,
    /// When the last event happened, in milliseconds since the Unix epoch.
    pub changed_at_ms: u64,
    /// What each environment serves.
    pub entries: Vec<EntryState>,
    /// Newest first; empty in lists.
    pub versions: Vec<VersionSummary>,
    /// The newest version.
    pub latest: Option<VersionSummary>,
}

impl Registered {
    /// What `env` serves; none where it serves nothing.
    #[must_use]
    pub fn served(&self, env: Environment) -> Option<Version> {
        self.entry(env)?.version
    }

    /// The entry of `env`.
    #[must_use]
    pub fn entry(&self, env: Environment) -> Option<&EntryState> {
        self.entries.iter().find(|entry| entry.env == env)
    }
}

/// One version in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionSummary {
    /// Its number.
    pub version: Version,
    /// The furthest that it has come.
    pub state: VersionState,
    /// Whether a component is stored and has passed its checks.
    pub built: bool,
    /// How it came in.
    pub origin: Option<Origin>,
    /// SHA-256 of its component, as lowercase hex; empty until it is built.
    pub digest: String,
    /// The component's size.
    pub component_bytes: u64,
    /// SHA-256 of its bundle.
    pub bundle_sha256: String,
    /// The tier that it asks for.
    pub risk_tier: Option<RiskTier>,
    /// Who made it.
    pub created_by: Actor,
    /// When, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// Why its build failed: the first reason in lists, every one of a whole version.
    pub findings: Vec<Finding>,
    /// One for each environment that it was submitted for.
    pub reviews: Vec<Review>,
    /// What policies found and somebody wants accepted.
    pub waivers: Vec<Waiver>,
    /// Whether a compile is on its way.
    pub compiling: bool,
    /// Whether retention has removed its source.
    pub source_deleted: bool,
}

/// A policy's finding that should be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// The finding, by its code.
    pub finding: String,
    /// Where it is: `src/lib.rs:12`; empty for one that was asked for by hand.
    pub place: String,
    /// Why, in the author's words; empty for one that was asked for by hand.
    pub reason: String,
    /// Who asked.
    pub requested_by: Actor,
    /// Who accepted it.
    pub granted_by: Option<Actor>,
}

/// A version's review for one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The environment.
    pub env: Environment,
    /// Who approved.
    pub approved_by: Vec<Actor>,
    /// Who rejected.
    pub rejected_by: Option<Actor>,
    /// Why it was rejected.
    pub rejected_why: String,
    /// Approvals that its tier asks for there.
    pub approvals_needed: u32,
    /// Whether a decision is awaited.
    pub open: bool,
}

/// Who did something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The issuer of the token.
    pub issuer: String,
    /// Its subject; a person is issuer and subject.
    pub subject: String,
    /// Who stands behind it.
    pub actor_type: Option<ActorType>,
    /// Who acted for the subject, the nearest first.
    pub acted_by: Vec<String>,
}

/// Everything about one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionWhole {
    /// As lists show it.
    pub summary: VersionSummary,
    /// Its ExtensionDefinition; null until it is built.
    pub definition: Value,
    /// What was checked and by what; null until it is built.
    pub evidence: Value,
    /// The interfaces that the component imports.
    pub imports: Vec<String>,
    /// The component's world as WIT text, where it was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wit: String,
}

/// One event of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryEvent {
    /// Its number within the extension, from 1.
    pub seq: u64,
    /// When, by the registry's clock, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who.
    pub actor: Actor,
    /// From where, as the registry saw it.
    pub from: String,
    /// Why, as the caller said.
    pub why: String,
    /// What: `version_created`, `promoted`, …
    pub change: String,
    /// The version concerned.
    pub version: Option<Version>,
    /// The environment concerned.
    pub env: Option<Environment>,
    /// The change as history holds it.
    pub detail: Value,
}

/// One page of something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T, N> {
    /// Its rows; a page may be short or empty before the last.
    pub rows: Vec<T>,
    /// Where the next page begins; none on the last.
    pub next: Option<N>,
}

/// What an upload led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uploaded {
    /// The draft after it.
    pub change: Changed,
    /// Why a component is refused; empty for source and for what was built.
    pub findings: Vec<Finding>,
    /// SHA-256 of the component; empty for source.
    pub digest: String,
}

/// The control of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Control {
    /// The last change's number.
    pub seq: u64,
    /// Rises when it was rebuilt or restored.
    pub generation: u64,
    /// What is off.
    pub switches: Vec<Switch>,
    /// Limits.
    pub quotas: Vec<Quota>,
    /// Shares of CPU time where tenants compete for it.
    pub weights: Vec<TenantWeight>,
    /// What host calls may be made; hosts do not ask them yet.
    pub policies: Vec<Policy>,
    /// Failures that no contract answers for.
    pub tightenings: Vec<Tightening>,
}

/// What a change of control did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlDone {
    /// The event's number; of a dry run, the last event's.
    pub seq: u64,
    /// False when it had been so before.
    pub changed: bool,
    /// What a dry run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<ControlPreview>,
}

/// What a change of control would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlPreview {
    /// The change as history would have it; null where it is so already.
    pub change: Value,
    /// What it would take the place of; null where there is nothing.
    pub replaced: Value,
    /// The first extensions that it is about, as `tenant/extension`.
    pub affected: Vec<String>,
    /// How many there are.
    pub affected_total: u64,
    /// Whether there may be more than were looked at.
    pub affected_more: bool,
}

/// What upkeep found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Upkept {
    /// Counts by name.
    pub counts: std::collections::BTreeMap<String, u64>,
    /// What is missing or wrong, one line each.
    pub problems: Vec<String>,
}
