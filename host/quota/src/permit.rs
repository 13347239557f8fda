//! What a call holds while its instance is there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_fair::{Payer, Share};

use crate::{
    QuotaScope,
    clock::Clock,
    counts::Counts,
    over::Limited,
    tenant::{Limit, Tenant},
};

/// One call that was let in. Gives back its place and its memory when it is
/// dropped; pays for CPU time as it is used.
#[derive(Debug)]
pub struct Permit {
    pub(crate) tenant: Arc<Tenant>,
    /// Where the extension has limits of its own.
    pub(crate) extension: Option<Arc<Limit>>,
    pub(crate) memory_mb: u32,
    pub(crate) tenant_pays: Pays,
    pub(crate) extension_pays: Pays,
    pub(crate) clock: Clock,
    pub(crate) counts: Arc<Counts>,
}

/// Which limits a call counts against while it runs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pays {
    pub(crate) cpu: bool,
    pub(crate) log_kb_per_s: Option<u32>,
}

impl Payer for Permit {
    fn share(&self) -> &Arc<Share> {
        &self.tenant.share
    }

    fn charge(&self, cpu: Duration) {
        let nanos = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
        if self.tenant_pays.cpu {
            self.tenant.account.charge(nanos);
        }
        if self.extension_pays.cpu
            && let Some(limit) = &self.extension
        {
            limit.account.charge(nanos);
        }
    }

    /// Under the tenant's quota and the extension's at once. A line of more than a
    /// second's worth may when none was kept lately; those after it wait for it.
    fn may_log(&self, bytes: u64, now: Instant) -> bool {
        let now = self.clock.units(now);
        let of_extension = self.extension.as_ref().zip(self.extension_pays.log_kb_per_s);
        if let Some((limit, kb_per_s)) = &of_extension
            && !limit.account.log(*kb_per_s, bytes, now)
        {
            self.counts.refused(Limited::Log, QuotaScope::Extension);
            return false;
        }
        let may = self.tenant_pays.log_kb_per_s.is_none_or(|kb_per_s| self.tenant.account.log(kb_per_s, bytes, now));
        if !may {
            self.counts.refused(Limited::Log, QuotaScope::Tenant);
            if let Some((limit, kb_per_s)) = of_extension {
                limit.account.unlog(kb_per_s, bytes, now);
            }
        }
        may
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limit) = &self.extension {
            limit.account.flight.leave(self.memory_mb);
        }
        self.tenant.account.flight.leave(self.memory_mb);
    }
}
