//! What quotas did, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{Limited, QuotaScope};

/// Counted since the host began.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    refused: [[AtomicU64; Limited::ALL.len()]; QuotaScope::ALL.len()],
}

/// How often one kind of quota said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What is limited. [`Limited::Log`] counts lines, the others calls.
    pub quota: Limited,
    /// Whose quota.
    pub scope: QuotaScope,
    /// How often.
    pub times: u64,
}

/// What quotas did and hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaCounts {
    /// Refusals, for each quota and scope.
    pub refused: Vec<Refused>,
    /// Tenants with a record.
    pub tenants: usize,
    /// Extensions with a record of their own.
    pub extensions: usize,
    /// Scopes whose part of the fleet's quota was heard.
    pub shares_heard: usize,
}

impl Counts {
    pub(crate) fn refused(&self, quota: Limited, scope: QuotaScope) {
        self.refused[scope as usize][quota as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn all(&self) -> Vec<Refused> {
        let times = |quota: Limited, scope: QuotaScope| self.refused[scope as usize][quota as usize].load(Relaxed);
        let of = |scope| Limited::ALL.into_iter().map(move |quota| (quota, scope));
        QuotaScope::ALL.into_iter().flat_map(of).map(|(quota, scope)| Refused { quota, scope, times: times(quota, scope) }).collect()
    }
}
