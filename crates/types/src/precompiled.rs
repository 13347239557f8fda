//! What a signer has compiled ahead of the hosts of one engine, as a document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Environment, ExtensionId, SchemaV1, Sha256, TenantId, Version};

/// A signer's account of the code for one engine, written beside that code:
/// what there is, and that somebody still cares for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignerAccount {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// The engine's compatibility hash.
    pub engine: Sha256,
    /// The engine's profile: `guards` or `hardened`.
    pub profile: String,
    /// The signer's program version.
    pub build: String,
    /// The name of the key that it signs with.
    pub key: String,
    /// When it wrote this, in milliseconds since the Unix epoch, by its own clock.
    pub at_ms: u64,
    /// How much of what each environment serves has code.
    pub environments: BTreeMap<Environment, Coverage>,
    /// Components that cannot be compiled; at most [`SignerAccount::REFUSED_MAX`].
    #[serde(default)]
    pub refused: Vec<RefusedComponent>,
}

impl SignerAccount {
    /// More refused components are counted, not named.
    pub const REFUSED_MAX: usize = 100;
}

/// Components that an environment serves: each counts once, however many versions have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// All of them.
    pub served: u64,
    /// With code in the environment's store.
    pub ready: u64,
    /// That cannot be compiled: hosts cannot either.
    pub refused: u64,
}

impl Coverage {
    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.ready + self.refused >= self.served
    }
}

/// A component that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedComponent {
    /// Its digest.
    pub component: Sha256,
    /// A tenant that serves it.
    pub tenant: TenantId,
    /// The tenant's extension.
    pub extension: ExtensionId,
    /// The version.
    pub version: Version,
    /// Why it cannot.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_is_what_has_code_or_never_will() {
        let coverage = |served, ready, refused| Coverage { served, ready, refused }.is_complete();
        assert!(coverage(0, 0, 0) && coverage(3, 2, 1) && coverage(3, 3, 0));
        assert!(!coverage(3, 2, 0));
    }
}
