//! What is announced: that something changed, never what it became.

use extensions_types::{ExtensionId, TenantId};
use serde::{Deserialize, Serialize};

/// A message in its channel, with its MAC. Both ids at their longest and the
/// MAC take less than half of it.
pub(crate) const MESSAGE_BYTES_MAX: usize = 512;

/// Something that hosts read anew from their store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// An extension's entry has reached `seq`.
    Entry {
        /// Whose.
        tenant: TenantId,
        /// Which.
        extension: ExtensionId,
        /// The event that it knows of.
        seq: u64,
    },
    /// The environment's control has reached `seq`.
    Control {
        /// The event that it knows of.
        seq: u64,
    },
}

/// What those who listen hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Something changed.
    Change(Change),
    /// Something may have been missed: look at everything once.
    Reconnected,
}

impl Change {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("ids and numbers always become JSON")
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use extensions_types::Environment;

    use super::*;
    use crate::key::{Said, tests::with};

    #[test]
    fn the_longest_message_fits() {
        let change = Change::Entry {
            tenant: TenantId::parse(&"t".repeat(43)).unwrap(),
            extension: ExtensionId::parse(&"e".repeat(63)).unwrap(),
            seq: u64::MAX,
        };
        let sealed = with(Environment::Staging, &[1; 32]).seal(Said::Change, &change.to_text());
        assert!(sealed.len() < MESSAGE_BYTES_MAX, "{}", sealed.len());
        assert_eq!(Change::parse(&change.to_text()), Some(change));
    }

    #[test]
    fn nonsense_is_no_change() {
        for text in ["", "{}", "[]", r#"{"of":"entry","tenant":"../x","extension":"a","seq":1}"#, r#"{"of":"control","seq":-1}"#, r#"{"of":"all"}"#] {
            assert_eq!(Change::parse(text), None, "{text}");
        }
    }
}
