//! What a call asks for.

use std::time::Instant;

use extensions_types::{EffectiveQuota, Environment, ExtensionId, TenantId, Weight};

/// One call that wants to be let in.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'c> {
    /// Where.
    pub env: Environment,
    /// Whose call.
    pub tenant: &'c TenantId,
    /// What is called.
    pub extension: &'c ExtensionId,
    /// What control allows them.
    pub limits: EffectiveQuota,
    /// The tenant's weight, which its share takes over.
    pub weight: Weight,
    /// The memory limit of the version that runs; whole MiB count.
    pub memory_bytes: u64,
    /// Now, or not long ago: an older moment is only stricter, and before a call is
    /// refused for its sake, the clock is read again.
    pub now: Instant,
}
