//! An extension, and what a change made of it.

use extensions_registry_core::{Extension, Serving};
use extensions_types::{CallLabel, Environment, ExtensionId, Kind, RiskTier, Sha256, Version, VersionState};
use serde::Serialize;

use super::VersionView;

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The event's seq; the last one where nothing was left to change.
    pub seq: u64,
    /// False when it had been so before.
    pub changed: bool,
    /// The version concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Its state afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<VersionState>,
    /// What the environment concerned serves afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryView>,
}

/// An extension as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtensionView {
    /// Its id within the tenant.
    pub extension_id: ExtensionId,
    /// What its newest version is called for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The tier of its newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_tier: Option<RiskTier>,
    /// The tier that new versions must at least have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_min: Option<RiskTier>,
    /// One sentence by its author.
    pub description: String,
    /// By its author.
    pub tags: Vec<String>,
    /// The last event.
    pub seq: u64,
    /// Rises when its state was rebuilt or restored.
    pub generation: u64,
    /// When the last event happened.
    pub changed_at_ms: u64,
    /// What each environment serves.
    pub entries: Vec<EntryView>,
    /// Its versions, newest first; none in lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionView>,
    /// The newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<VersionView>,
}

/// What one environment serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// The environment.
    pub env: Environment,
    /// The version.
    pub version: Version,
    /// Its component's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// What it falls back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Version>,
    /// Versions for single callers and hook points.
    pub pins: Vec<PinView>,
}

/// One pin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinView {
    /// Of this calling primitive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallLabel>,
    /// At this hook point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_point: Option<CallLabel>,
    /// The version that it gives.
    pub version: Version,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListPage {
    /// Ordered by id.
    pub extensions: Vec<ExtensionView>,
    /// Where the next page begins; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl ExtensionView {
    /// As lists show it: without its versions.
    #[must_use]
    pub fn brief(state: &Extension) -> Self {
        let latest = state.versions.last_key_value();
        let about = latest.map(|(_, record)| &record.draft.about);
        Self {
            extension_id: state.extension.clone(),
            kind: about.map(|about| about.kind),
            risk_tier: about.map(|about| about.risk_tier),
            tier_min: state.tier,
            description: about.map(|about| about.description.clone()).unwrap_or_default(),
            tags: about.map(|about| about.tags.clone()).unwrap_or_default(),
            seq: state.applied_seq,
            generation: state.generation,
            changed_at_ms: state.changed_at_ms,
            entries: state.environments.iter().map(|(env, serving)| EntryView::new(state, *env, serving)).collect(),
            versions: Vec::new(),
            latest: latest.map(|(version, record)| VersionView::new(*version, record)),
        }
    }

    /// With every version.
    #[must_use]
    pub fn whole(state: &Extension) -> Self {
        let versions = state.versions.iter().rev().map(|(version, record)| VersionView::new(*version, record)).collect();
        Self { versions, ..Self::brief(state) }
    }
}

impl EntryView {
    /// What `env` serves of `state`; none where it serves nothing.
    #[must_use]
    pub fn of(state: &Extension, env: Environment) -> Option<Self> {
        state.serving(env).map(|serving| Self::new(state, env, serving))
    }

    fn new(state: &Extension, env: Environment, serving: &Serving) -> Self {
        let callers = serving.caller_pins.iter().map(|(label, version)| PinView { caller: Some(label.clone()), hook_point: None, version: *version });
        let points = serving.hook_pins.iter().map(|(label, version)| PinView { caller: None, hook_point: Some(label.clone()), version: *version });
        let built = state.versions.get(&serving.current).and_then(|record| record.built());
        Self {
            env,
            version: serving.current,
            digest: built.map(|built| built.component_sha256),
            enabled: serving.enabled,
            last_good: state.last_good(env),
            pins: callers.chain(points).collect(),
        }
    }
}

impl Changed {
    /// The answer after a change to `state`, about `version` and `env`.
    #[must_use]
    pub fn of(state: &Extension, seq: u64, changed: bool, version: Option<Version>, env: Option<Environment>) -> Self {
        Self {
            seq,
            changed,
            version,
            state: version.and_then(|version| state.versions.get(&version)).map(|record| record.state()),
            entry: env.and_then(|env| EntryView::of(state, env)),
        }
    }
}
