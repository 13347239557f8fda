//! What a host asks a share of.

use extensions_types::{ExtensionId, TenantId};

/// Whose quota: a tenant's, or one of its extensions'.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Whose.
    pub tenant: TenantId,
    /// Of which extension; none: of all of the tenant's together.
    pub extension: Option<ExtensionId>,
}

/// How much a host was asked for lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of what.
    pub scope: Scope,
    /// Asked for per second, what was refused included; only how it compares with
    /// what other hosts say counts, so the unit is the caller's. At least 1 is taken.
    pub demand: u64,
}
