//! What has happened, and happens.

use extensions_registry_core::{Change, Event};
use extensions_types::{Environment, ExtensionId, Version};
use serde::Serialize;

use super::ActorView;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryView {
    /// Its number within the extension, from 1.
    pub seq: u64,
    /// When, by the registry's clock.
    pub at_ms: u64,
    /// Who.
    pub actor: ActorView,
    /// From where.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What, as history holds it; its `type` is the word for it.
    pub change: Change,
}

/// One page of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryPage {
    /// In the order asked for.
    pub events: Vec<HistoryView>,
    /// `after_seq` of the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after_seq: Option<u64>,
}

/// One event as it happens, or a sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchView {
    /// Where to resume; empty where the one before still holds.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cursor: String,
    /// The extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension_id: Option<ExtensionId>,
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<HistoryView>,
}

impl HistoryView {
    /// The version concerned.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.change.version()
    }

    /// The environment concerned.
    #[must_use]
    pub fn env(&self) -> Option<Environment> {
        self.change.environment()
    }
}

impl From<Event> for HistoryView {
    fn from(event: Event) -> Self {
        Self {
            seq: event.seq,
            at_ms: event.at_ms,
            actor: (&event.actor).into(),
            from: event.from.unwrap_or_default(),
            why: event.why,
            change: event.change,
        }
    }
}
