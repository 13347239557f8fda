//! The entry: what one environment serves for one extension, as a document.
//!
//! Derived from the extension's events and complete in itself, so that a host
//! reads nothing else but the blobs. Fields that this program does not know are
//! passed over; a new meaning of known ones needs a new schema.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CallLabel, Environment, ExtensionDefinition, ExtensionId, SchemaV1, Sha256, TenantId, Version};

/// One extension in one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryDocument {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// Whose extension it is.
    pub tenant: TenantId,
    /// The extension within its tenant.
    pub extension: ExtensionId,
    /// The environment that serves it.
    pub env: Environment,
    /// Raised by a rebuild or a restore; outranks `applied_seq`.
    pub generation: u64,
    /// The last event that the entry knows of.
    pub applied_seq: u64,
    /// Whether calls are answered at all.
    pub enabled: bool,
    /// What `latest` means where no pin applies.
    pub current: Version,
    /// Versions for single callers; they win over `hook_pins`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caller_pins: BTreeMap<CallLabel, Version>,
    /// Versions for single hook points.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hook_pins: BTreeMap<CallLabel, Version>,
    /// The last version served before `current` that was not rolled back from
    /// or retired. A host passes over it while control forces it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Version>,
    /// Every version that a call may name: current, pinned, last good.
    pub versions: BTreeMap<Version, EntryVersion>,
}

/// One version that an entry lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryVersion {
    /// Its description, whole.
    pub definition: ExtensionDefinition,
    /// Where its component lies in this environment's store.
    pub blob: BlobRef,
}

/// A component in a store: where, and what its bytes must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// The object's key.
    pub key: String,
    /// The digest of its bytes.
    pub sha256: Sha256,
    /// How many bytes it has.
    pub bytes: u64,
}

impl EntryDocument {
    /// What orders two states of one entry: a host and a store only go up.
    #[must_use]
    pub fn order(&self) -> (u64, u64) {
        (self.generation, self.applied_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_needs_and_passes_over_what_is_new() {
        let text = r#"{"schema": 1, "tenant": "acme", "extension": "x", "env": "prod", "generation": 1, "applied_seq": 7,
            "enabled": true, "current": 3, "caller_pins": {"orders": 2}, "versions": {}, "invented_later": true}"#;
        let entry: EntryDocument = serde_json::from_str(text).unwrap();
        assert_eq!(entry.order(), (1, 7));
        assert_eq!(entry.caller_pins[&CallLabel::parse("orders").unwrap()].get(), 2);
        let again = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<EntryDocument>(&again).unwrap(), entry);
        assert!(serde_json::from_str::<EntryDocument>(&text.replace("\"schema\": 1", "\"schema\": 2")).is_err());
        assert!(serde_json::from_str::<EntryDocument>(&text.replace("acme", "..")).is_err(), "ids are checked where they are read");
    }
}
