//! All quotas of one host.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_fair::Share;
use extensions_types::{EffectiveQuota, Environment, ExtensionId, TenantId};

use crate::{
    Asked, Demand, FleetScope, Fraction, NoPass, OverQuota, Permit, QuotaCounts, QuotaSettings, Usage,
    account::{Account, No},
    clock::Clock,
    counts::Counts,
    shelf::Shelf,
    unclaimed::Unclaimed,
};

/// A scope's part changes with its demand about once a second: it is worth asking again then.
const SHARE_RETRY: Duration = Duration::from_secs(1);

/// What each tenant and extension uses on this host.
#[derive(Debug)]
pub struct Quotas {
    pub(crate) clock: Clock,
    /// The host's part of what it was told no part of.
    pub(crate) unclaimed: Unclaimed,
    pub(crate) shelf: Shelf,
    pub(crate) counts: Arc<Counts>,
    /// Read before a call is refused for a moment that may be old; none: in tests.
    pub(crate) fresh: Option<fn() -> Instant>,
}

impl Quotas {
    /// Quotas of a host that has let nobody in yet.
    #[must_use]
    pub fn new(settings: QuotaSettings) -> Self {
        Self { fresh: Some(Instant::now), ..Self::beginning(settings, Instant::now()) }
    }

    /// The same, with no other time than what callers say.
    #[must_use]
    pub fn beginning(settings: QuotaSettings, began: Instant) -> Self {
        let unclaimed = Unclaimed::of(Fraction::one_of(settings.hosts));
        Self { clock: Clock::starting(began), unclaimed, shelf: Shelf::default(), counts: Arc::default(), fresh: None }
    }

    /// Lets a call in, under its tenant's quota and its extension's at once: for
    /// whoever keeps no [`Gate`](crate::Gate).
    ///
    /// # Errors
    /// Which quota is used up, and when to retry. A refused call leaves no trace.
    pub fn admit(&self, asked: &Asked<'_>) -> Result<Arc<Permit>, OverQuota> {
        loop {
            match self.pass(&Arc::new(self.gate(asked, 0)), asked.now) {
                Ok(permit) => return Ok(Arc::new(permit)),
                Err(NoPass::Over(over)) => return Err(over),
                // It was put away in this moment.
                Err(NoPass::Stale) => {}
            }
        }
    }

    /// A host that has a part only may get more of it soon: at once, where it has
    /// claimed none yet. With the whole it would take as much less time.
    pub(crate) fn hurried(&self, no: No, account: &Account, unclaimed: Fraction) -> No {
        let part = account.part().unwrap_or(unclaimed);
        match no {
            No::Over { quota, limit, retry_after: Some(after), by_time: true } if part < Fraction::WHOLE => {
                if account.part().is_none() {
                    self.unclaimed.short();
                }
                let with_all = after.mul_f64(f64::from(part.parts()) / f64::from(Fraction::PARTS));
                No::Over { quota, limit, retry_after: Some(after.min(with_all.max(SHARE_RETRY))), by_time: true }
            }
            other => other,
        }
    }

    /// A tenant's share of the CPU, as long as the host remembers it.
    #[must_use]
    pub fn share_of(&self, env: Environment, tenant: &TenantId) -> Option<Arc<Share>> {
        self.shelf.known(env, tenant).map(|tenant| Arc::clone(&tenant.share))
    }

    /// What was asked for since this was last read, of what a fleet shares.
    #[must_use]
    pub fn demand(&self) -> Vec<Demand> {
        let mut demand = Vec::new();
        self.shelf.each(|tenant| {
            let mut note = |extension: Option<&ExtensionId>, calls| {
                if calls > 0 {
                    let scope = FleetScope { tenant: tenant.id.clone(), extension: extension.cloned() };
                    demand.push(Demand { env: tenant.env, scope, calls });
                }
            };
            note(None, tenant.account.take_asked());
            tenant.each_extension(|limit| note(Some(&limit.id), limit.account.take_asked()));
        });
        demand
    }

    /// This host's part of a scope's rate and CPU time from now on, until another
    /// is said: without word from the fleet the last one holds. None: the scope is
    /// claimed no more, and has [the part of such](Self::set_unclaimed).
    pub fn set_share(&self, env: Environment, scope: &FleetScope, part: Option<Fraction>) {
        let Some(tenant) = self.shelf.known(env, &scope.tenant) else { return };
        match &scope.extension {
            None => tenant.account.set_part(part),
            Some(id) => {
                if let Some(limit) = tenant.known(id) {
                    limit.account.set_part(part);
                }
            }
        }
    }

    /// This host's part of every scope that it was told no part of.
    pub fn set_unclaimed(&self, env: Environment, part: Fraction) {
        self.unclaimed.set(env, part);
    }

    /// Calls `tell` when such a part is used up, again and again while it is. It
    /// is called where calls are admitted: it must neither block nor take long.
    /// Only the first one that is given counts.
    pub fn when_short(&self, tell: impl Fn() + Send + Sync + 'static) {
        self.unclaimed.when_short(Box::new(tell));
    }

    /// Puts away records that have nothing to remember and were not asked for a while.
    pub fn sweep(&self, now: Instant) {
        self.shelf.sweep(self.clock.units(now));
    }

    /// What a tenant and its extension use now, under these limits; none: the tenant has not called lately.
    #[must_use]
    pub fn usage(&self, env: Environment, tenant: &TenantId, extension: &ExtensionId, limits: &EffectiveQuota, now: Instant) -> Option<Usage> {
        let (tenant, now) = (self.shelf.known(env, tenant)?, self.clock.units(now));
        let unclaimed = self.unclaimed.get(env);
        Some(Usage {
            tenant: tenant.account.usage(&limits.tenant, unclaimed, now),
            extension: tenant.known(extension).map(|limit| limit.account.usage(&limits.extension, unclaimed, now)),
            cpu_ms_used: u64::try_from(tenant.share.used().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// What quotas did and hold.
    #[must_use]
    pub fn counts(&self) -> QuotaCounts {
        let mut counts = QuotaCounts { refused: self.counts.all(), tenants: self.shelf.len(), extensions: 0, shares_heard: 0 };
        self.shelf.each(|tenant| {
            counts.extensions += tenant.extensions_held();
            counts.shares_heard += usize::from(tenant.account.part().is_some());
            tenant.each_extension(|limit| counts.shares_heard += usize::from(limit.account.part().is_some()));
        });
        counts
    }
}
