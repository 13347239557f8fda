//! A refusal for a quota.

use std::{fmt, time::Duration};

use extensions_types::ExtensionId;

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limited {
    /// Calls at a time.
    Concurrency,
    /// Calls a second.
    Rate,
    /// CPU time a second.
    Cpu,
    /// Memory of calls under way.
    Memory,
    /// Log text a second: lines are dropped, no call is refused.
    Log,
}

impl Limited {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Concurrency, Self::Rate, Self::Cpu, Self::Memory, Self::Log];

    /// The name of the quota's field, as operators set it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate_per_s",
            Self::Cpu => "cpu_ms_per_s",
            Self::Memory => "memory_mb",
            Self::Log => "log_kb_per_s",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Concurrency => "calls at a time",
            Self::Rate => "calls a second",
            Self::Cpu => "ms of CPU time a second",
            Self::Memory => "MiB of memory in flight",
            Self::Log => "KiB of log text a second",
        }
    }
}

/// Whose quota it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaScope {
    /// All extensions of the tenant together.
    Tenant,
    /// One extension.
    Extension,
}

impl QuotaScope {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tenant, Self::Extension];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Extension => "extension",
        }
    }
}

/// A call that a quota does not let through. Shown, it is a public text: it names
/// the quota and when to retry, and nobody's names but the caller's own extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverQuota {
    /// What is used up.
    pub quota: Limited,
    /// Whose quota it is.
    pub scope: QuotaScope,
    /// The extension that was called.
    pub extension: ExtensionId,
    /// The limit as it is set; of the whole fleet for rate and CPU time.
    pub limit: u32,
    /// When a retry has a chance; none: this call alone is more than the limit.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quota, scope, extension, limit, retry_after } = self;
        let (name, unit) = (quota.as_str(), quota.unit());
        let whose = match scope {
            QuotaScope::Tenant => "the tenant's".to_owned(),
            QuotaScope::Extension => format!("extension `{extension}`'s"),
        };
        match retry_after {
            Some(after) => write!(f, "{whose} quota {name} of {limit} {unit} is used up; retry after {} ms", after.as_millis().max(1)),
            None => write!(f, "{whose} quota {name} of {limit} {unit} is less than this one call needs"),
        }
    }
}

impl std::error::Error for OverQuota {}
