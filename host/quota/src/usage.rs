//! What is used now, for operators.

use serde::Serialize;

/// What one scope uses on this host. What is left is shown for what is limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScopeUsage {
    /// Calls under way.
    pub concurrency: u32,
    /// Sum of their memory limits, in MiB.
    pub memory_mb: u32,
    /// Calls that may begin at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_left: Option<i64>,
    /// CPU time before calls are refused, in milliseconds; less than 0: owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms_left: Option<i64>,
    /// This host's part of rate and CPU time of the fleet, in parts per million.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_parts: Option<u32>,
    /// Whether that part was heard from the fleet, or is what a host begins with.
    pub share_heard: bool,
}

/// What one tenant uses on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All of its extensions together.
    pub tenant: ScopeUsage,
    /// The one asked for, where it has limits of its own and was called lately.
    pub extension: Option<ScopeUsage>,
    /// CPU time that it used on this host, as long as the host remembers it, in milliseconds.
    pub cpu_ms_used: u64,
}
