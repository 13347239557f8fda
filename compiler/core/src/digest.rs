//! A component's digest: what definitions and stores know it by.

use extensions_types::Sha256;
use sha2::{Digest as _, Sha256 as Hasher};

/// SHA-256 as it is written everywhere.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::new(Hasher::digest(bytes).into()).to_string()
}
