//! What the calls of an extension enter by: records, limits and terms, looked up
//! once for many calls.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_types::{Environment, ExtensionId, Weight};

use crate::{
    Asked, Fraction, OverQuota, Permit, QuotaScope, Quotas,
    account::{Account, No},
    bounds::Bounds,
    clock::Clock,
    counts::Counts,
    tenant::{Limit, Tenant},
};

const BYTES_PER_MB: u64 = 1 << 20;

/// The way in for calls of one version, under the limits that it was made with.
/// Calls share it; it does not change.
#[derive(Debug)]
pub struct Gate {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) of_tenant: Bounds,
    /// Where the extension has limits of its own.
    pub(crate) extension: Option<Box<OfExtension>>,
    pub(crate) memory_mb: u32,
    asked: OfWhat,
    /// Names what decided on the limits.
    control: u64,
    pub(crate) clock: Clock,
    pub(crate) counts: Arc<Counts>,
}

/// An extension's record and bounds.
#[derive(Debug)]
pub(crate) struct OfExtension {
    pub(crate) limit: Arc<Limit>,
    pub(crate) bounds: Bounds,
}

/// What was asked for, for refusals and for the record's weight.
#[derive(Debug)]
struct OfWhat {
    extension: ExtensionId,
    weight: Weight,
}

/// Why a call does not pass a gate.
#[derive(Debug)]
pub enum NoPass {
    /// A quota is used up.
    Over(OverQuota),
    /// The tenant's record was put away since the gate was made, or it was made for
    /// another host: make another one.
    Stale,
}

impl Quotas {
    /// The gate for calls as `asked` tells, under the state of `control` that this
    /// number names: another one is made where that changes. 0: for one call alone.
    #[must_use]
    pub fn gate(&self, asked: &Asked<'_>, control: u64) -> Gate {
        let now = self.clock.units(asked.now);
        let tenant = self.shelf.open(asked.env, asked.tenant, asked.weight, now);
        let unclaimed = self.unclaimed.get(asked.env);
        let bounds = |account: &Account, limits| Bounds::of(limits, account.part().unwrap_or(unclaimed));
        let extension = (!asked.limits.extension.is_empty()).then(|| {
            let limit = tenant.extension(asked.extension, now);
            Box::new(OfExtension { bounds: bounds(&limit.account, asked.limits.extension), limit })
        });
        Gate {
            of_tenant: bounds(&tenant.account, asked.limits.tenant),
            tenant,
            extension,
            memory_mb: u32::try_from(asked.memory_bytes.div_ceil(BYTES_PER_MB)).unwrap_or(u32::MAX),
            asked: OfWhat { extension: asked.extension.clone(), weight: asked.weight },
            control,
            clock: self.clock,
            counts: Arc::clone(&self.counts),
        }
    }

    /// Lets a call in through a gate that this made. `now` may be a little old: an
    /// older moment is only stricter, and before a call is refused for its sake,
    /// the clock is read again.
    ///
    /// # Errors
    /// Which quota is used up, and when to retry. A refused call leaves no trace.
    pub fn pass(&self, gate: &Arc<Gate>, now: Instant) -> Result<Permit, NoPass> {
        if !Arc::ptr_eq(&gate.counts, &self.counts) {
            return Err(NoPass::Stale);
        }
        let now = self.clock.units(now);
        let refused = match self.enter(gate, now) {
            Ok(()) => return Ok(Permit { gate: Arc::clone(gate) }),
            Err(refused) => refused,
        };
        let fresh = self.fresh.map_or(now, |fresh| self.clock.units(fresh()));
        let by_time = matches!(refused, (No::Over { by_time: true, .. }, _));
        let refused = if by_time && fresh > now {
            match self.enter(gate, fresh) {
                Ok(()) => return Ok(Permit { gate: Arc::clone(gate) }),
                Err(refused) => refused,
            }
        } else {
            refused
        };
        match refused {
            (No::Closed, _) => Err(NoPass::Stale),
            (No::Over { quota, limit, retry_after, .. }, scope) => {
                self.counts.refused(quota, scope);
                Err(NoPass::Over(OverQuota { quota, scope, extension: gate.asked.extension.clone(), limit, retry_after }))
            }
        }
    }

    /// The extension first: what one call holds for a moment before its tenant
    /// refuses it, none of its extension's calls would have got.
    fn enter(&self, gate: &Gate, now: u64) -> Result<(), (No, QuotaScope)> {
        let Gate { tenant, of_tenant, extension, memory_mb, asked, .. } = gate;
        tenant.touch(asked.weight, now);
        let unclaimed = self.unclaimed.get(tenant.env);
        if let Some(of) = extension {
            of.limit.touch(now);
            self.enter_one(&of.limit.account, &of.bounds, unclaimed, *memory_mb, now).map_err(|no| (no, QuotaScope::Extension))?;
        }
        self.enter_one(&tenant.account, of_tenant, unclaimed, *memory_mb, now).map_err(|no| {
            if let Some(of) = extension {
                of.limit.account.undo(&of.bounds, unclaimed, *memory_mb, now);
            }
            (no, QuotaScope::Tenant)
        })
    }

    fn enter_one(&self, account: &Account, bounds: &Bounds, unclaimed: Fraction, memory_mb: u32, now: u64) -> Result<(), No> {
        if bounds.is_shared {
            account.ask();
        }
        account.enter(bounds, unclaimed, memory_mb, now).map_err(|no| self.hurried(no, account, unclaimed))
    }
}

impl Gate {
    /// Whether it was made for calls in `env` under this state of control.
    #[must_use]
    #[inline]
    pub fn is_under(&self, env: Environment, control: u64) -> bool {
        control != 0 && self.control == control && self.tenant.env == env
    }

    /// CPU time was taken under its limits: the next calls owe it.
    pub fn charge(&self, cpu: Duration) {
        let nanos = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
        if self.of_tenant.limits.cpu_ms_per_s.is_some() {
            self.tenant.account.charge(nanos);
        }
        if let Some(of) = self.extension.as_ref().filter(|of| of.bounds.limits.cpu_ms_per_s.is_some()) {
            of.limit.account.charge(nanos);
        }
    }
}
