//! What one environment serves for one extension.

use std::{collections::BTreeMap, sync::Arc};

use extensions_types::{CallLabel, Version};

use crate::ServedVersion;

/// An entry as a host holds it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whether it answers at all.
    pub enabled: bool,
    /// What `latest` means where no pin applies.
    pub current: Version,
    /// What was served before `current` and may still answer for it: neither rolled
    /// back from nor retired. Control may force it off.
    pub last_good: Option<Version>,
    /// Every version that may be named: current, pinned, last good.
    pub versions: BTreeMap<Version, Arc<ServedVersion>>,
    /// Versions for single callers; they win over `hook_pins`.
    pub caller_pins: BTreeMap<CallLabel, Version>,
    /// Versions for single hook points.
    pub hook_pins: BTreeMap<CallLabel, Version>,
}

impl Entry {
    /// The version behind `latest`, if the entry lists it.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<ServedVersion>> {
        self.versions.get(&self.current)
    }

    /// The version that may answer once where `failed` could not.
    #[must_use]
    pub fn last_good(&self, failed: Version) -> Option<&Arc<ServedVersion>> {
        // What failed is not asked again under its other name.
        self.last_good.filter(|&version| self.enabled && version != failed).and_then(|version| self.versions.get(&version))
    }
}

/// Where a call comes from, as far as pins care.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// The calling primitive.
    pub caller: &'a CallLabel,
    /// The named place in it.
    pub point: Option<&'a CallLabel>,
}
