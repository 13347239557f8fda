//! Limits that hosts of a fleet share: what is asked for here, and this host's part.

use extensions_types::{Environment, ExtensionId, TenantId};

/// What one limit of a fleet holds for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FleetScope {
    /// Whose.
    pub tenant: TenantId,
    /// One extension; none: all of the tenant together.
    pub extension: Option<ExtensionId>,
}

/// How much a scope was asked for since this was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Where.
    pub env: Environment,
    /// What for.
    pub scope: FleetScope,
    /// Calls, those that were refused with them; at least 1.
    pub calls: u32,
}
