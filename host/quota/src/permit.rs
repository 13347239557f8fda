//! What a call holds while its instance is there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_fair::{Payer, Share};

use crate::{Gate, QuotaScope, over::Limited};

/// One call that was let in. Gives back its place and its memory when it is
/// dropped; pays for CPU time as it is used.
#[derive(Debug)]
pub struct Permit {
    pub(crate) gate: Arc<Gate>,
}

impl Payer for Permit {
    fn share(&self) -> &Arc<Share> {
        &self.gate.tenant.share
    }

    fn charge(&self, cpu: Duration) {
        self.gate.charge(cpu);
    }

    /// Under the tenant's quota and the extension's at once. A line of more than a
    /// second's worth may when none was kept lately; those after it wait for it.
    fn may_log(&self, bytes: u64, now: Instant) -> bool {
        let Gate { tenant, of_tenant, extension, clock, counts, .. } = &*self.gate;
        let now = clock.units(now);
        let of_extension = extension.as_ref().and_then(|of| Some((&of.limit, of.bounds.limits.log_kb_per_s?)));
        if let Some((limit, kb_per_s)) = of_extension
            && !limit.account.log(kb_per_s, bytes, now)
        {
            counts.refused(Limited::Log, QuotaScope::Extension);
            return false;
        }
        let may = of_tenant.limits.log_kb_per_s.is_none_or(|kb_per_s| tenant.account.log(kb_per_s, bytes, now));
        if !may {
            counts.refused(Limited::Log, QuotaScope::Tenant);
            if let Some((limit, kb_per_s)) = of_extension {
                limit.account.unlog(kb_per_s, bytes, now);
            }
        }
        may
    }

    fn ahead(&self) -> Option<Arc<dyn Payer>> {
        Some(Arc::new(Ahead(Arc::clone(&self.gate))))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Gate { tenant, extension, memory_mb, .. } = &*self.gate;
        if let Some(of) = extension {
            of.limit.account.flight.leave(*memory_mb);
        }
        tenant.account.flight.leave(*memory_mb);
    }
}

/// Pays for what is made ready ahead of further calls: no call of its own, so it
/// holds no place and no memory.
#[derive(Debug)]
struct Ahead(Arc<Gate>);

impl Payer for Ahead {
    fn share(&self) -> &Arc<Share> {
        &self.0.tenant.share
    }

    fn charge(&self, cpu: Duration) {
        self.0.charge(cpu);
    }
}
