//! What one environment serves of an extension.

use std::collections::{BTreeMap, BTreeSet};

use extensions_types::{CallLabel, Version};
use serde::{Deserialize, Serialize};

use crate::Pin;

/// One environment's pointer, pins and switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// What `latest` means where no pin applies.
    pub current: Version,
    /// Whether calls are answered.
    pub enabled: bool,
    /// Versions for single callers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caller_pins: BTreeMap<CallLabel, Version>,
    /// Versions for single hook points.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hook_pins: BTreeMap<CallLabel, Version>,
    /// Every version that it served, each once, the latest last.
    pub history: Vec<Past>,
}

/// A version that an environment served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The version.
    pub version: Version,
    /// The event that made it current the last time.
    pub seq: u64,
    /// Whether it was rolled back from since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rolled_back: bool,
}

impl Serving {
    pub(super) fn first(version: Version, seq: u64) -> Self {
        let history = vec![Past { version, seq, rolled_back: false }];
        Self { current: version, enabled: true, caller_pins: BTreeMap::new(), hook_pins: BTreeMap::new(), history }
    }

    /// Makes `version` current: the last of the history, without a stain.
    pub(super) fn serve(&mut self, version: Version, seq: u64) {
        self.history.retain(|past| past.version != version);
        self.history.push(Past { version, seq, rolled_back: false });
        self.current = version;
    }

    /// Makes `to` current and marks what was left for it.
    pub(super) fn roll_back(&mut self, from: Version, to: Version, seq: u64) {
        self.history.iter_mut().filter(|past| past.version == from).for_each(|past| past.rolled_back = true);
        self.serve(to, seq);
    }

    /// Whether it ever served `version`.
    #[must_use]
    pub fn has_served(&self, version: Version) -> bool {
        self.history.iter().any(|past| past.version == version)
    }

    /// The version that a pin gives.
    #[must_use]
    pub fn pinned(&self, pin: &Pin) -> Option<Version> {
        match pin {
            Pin::Caller(label) => self.caller_pins.get(label).copied(),
            Pin::HookPoint(label) => self.hook_pins.get(label).copied(),
        }
    }

    /// Every version that some pin gives.
    #[must_use]
    pub fn pinned_versions(&self) -> BTreeSet<Version> {
        self.caller_pins.values().chain(self.hook_pins.values()).copied().collect()
    }

    pub(super) fn set_pin(&mut self, pin: &Pin, version: Option<Version>) {
        let (pins, label) = match pin {
            Pin::Caller(label) => (&mut self.caller_pins, label),
            Pin::HookPoint(label) => (&mut self.hook_pins, label),
        };
        match version {
            Some(version) => pins.insert(label.clone(), version),
            None => pins.remove(label),
        };
    }
}
