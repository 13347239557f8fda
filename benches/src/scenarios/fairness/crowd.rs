//! Tenants that always have calls waiting, and what each of them gets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::bail;
use extensions_engine::{Call, Engine, Extension};
use extensions_fair::{Payer, Share};
use extensions_types::{ErrorCode, Weight};
use tokio::task::JoinSet;

use crate::stage::{Bare, call, context};

/// A caller whom the host refused for want of room comes back after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(2);

/// One of many.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) extension: Arc<Extension>,
    pub(super) input: String,
    pub(super) weight: Weight,
    /// Calls that it has under way on each thread.
    pub(super) in_flight: usize,
}

/// What one tenant used, by its own count and not by the scheduler's.
#[derive(Debug)]
struct Account {
    share: Arc<Share>,
    nanos: AtomicU64,
}

impl Payer for Account {
    fn share(&self) -> &Arc<Share> {
        &self.share
    }

    fn charge(&self, cpu: Duration) {
        self.nanos.fetch_add(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// All of them, with their accounts.
#[derive(Debug)]
pub(super) struct Crowd {
    tenants: Vec<Arc<(Tenant, Arc<Account>)>>,
    refused: AtomicU64,
    over: AtomicBool,
}

/// What each got.
#[derive(Debug)]
pub(super) struct Shares {
    /// Weight and CPU seconds.
    got: Vec<(f64, f64)>,
    pub(super) cores: f64,
    pub(super) refused: u64,
}

impl Crowd {
    /// With a share for each, or one for all of them.
    pub(super) fn of(tenants: Vec<Tenant>, blind: bool) -> Self {
        let common = Arc::new(Share::default());
        let share = |weight| if blind { Arc::clone(&common) } else { Arc::new(Share::new(weight)) };
        let account = |tenant: Tenant| {
            let account = Arc::new(Account { share: share(tenant.weight), nanos: AtomicU64::new(0) });
            (tenant, account)
        };
        Self { tenants: tenants.into_iter().map(account).map(Arc::new).collect(), refused: AtomicU64::new(0), over: AtomicBool::new(false) }
    }

    /// Calls on `threads` threads; counts for `length` once all have run for `run_up`.
    pub(super) fn compete(self: &Arc<Self>, bare: &Bare, threads: usize, run_up: Duration, length: Duration) -> anyhow::Result<Shares> {
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.call_all(&bare.engine))).collect();
            std::thread::sleep(run_up);
            let (before, start) = (self.used(), Instant::now());
            std::thread::sleep(length);
            let (after, lasted) = (self.used(), start.elapsed().as_secs_f64());
            self.over.store(true, Relaxed);
            for caller in callers {
                caller.join().map_err(|_| anyhow::anyhow!("a bench thread panicked"))??;
            }
            let used: Vec<_> = after.iter().zip(&before).map(|(after, before)| (after - before) as f64 / 1e9).collect();
            let cores = used.iter().sum::<f64>() / lasted;
            let got = self.tenants.iter().zip(used).map(|(tenant, used)| (f64::from(tenant.0.weight.get()), used)).collect();
            Ok(Shares { got, cores, refused: self.refused.load(Relaxed) })
        })
    }

    fn used(&self) -> Vec<u64> {
        self.tenants.iter().map(|tenant| tenant.1.nanos.load(Relaxed)).collect()
    }

    /// As an I/O thread of a host: a runtime of one thread, a task for each call in flight.
    fn call_all(self: &Arc<Self>, engine: &Arc<Engine>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut callers = JoinSet::new();
        // Not one tenant after the other: who comes first must not matter.
        for turn in 0..self.tenants.iter().map(|tenant| tenant.0.in_flight).max().unwrap_or(0) {
            for tenant in self.tenants.iter().filter(|tenant| turn < tenant.0.in_flight) {
                let (crowd, engine, tenant) = (Arc::clone(self), Arc::clone(engine), Arc::clone(tenant));
                callers.spawn_on(async move { crowd.keep_calling(&engine, &tenant.0, &tenant.1).await }, runtime.handle());
            }
        }
        runtime.block_on(async {
            while let Some(ended) = callers.join_next().await {
                ended??;
            }
            Ok(())
        })
    }

    async fn keep_calling(&self, engine: &Engine, tenant: &Tenant, account: &Arc<Account>) -> anyhow::Result<()> {
        let context = context(&tenant.name);
        while !self.over.load(Relaxed) {
            let call = Call { payer: Arc::clone(account) as _, ..call(&context, tenant.input.clone()) };
            match engine.invoke(&tenant.extension, call).await.result {
                Ok(_) => {}
                Err(failure) if failure.code == ErrorCode::Overloaded => {
                    self.refused.fetch_add(1, Relaxed);
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                Err(failure) => bail!("a call of {} failed: {failure}", tenant.name),
            }
        }
        Ok(())
    }
}

impl Shares {
    /// CPU seconds of a tenant on the average.
    pub(super) fn mean_seconds(&self) -> f64 {
        self.got.iter().map(|(_, used)| used).sum::<f64>() / self.got.len() as f64
    }

    /// How far the tenant that is worst off, or best off, is from its share, in percent of it.
    pub(super) fn farthest_percent(&self) -> f64 {
        let (weights, used) = self.got.iter().fold((0.0, 0.0), |(weights, all), (weight, used)| (weights + weight, all + used));
        let apart = |(weight, got): &(f64, f64)| (got / used / (weight / weights) - 1.0).abs() * 100.0;
        self.got.iter().map(apart).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(got: &[(f64, f64)]) -> Shares {
        Shares { got: got.to_vec(), cores: 1.0, refused: 0 }
    }

    #[test]
    fn equal_and_weighted_shares_are_told_from_unequal_ones() {
        assert!(shares(&[(100.0, 2.0), (100.0, 2.0)]).farthest_percent() < 1e-9);
        assert!(shares(&[(100.0, 1.0), (300.0, 3.0)]).farthest_percent() < 1e-9);
        // Of 4 each should have had 2.
        assert!((shares(&[(100.0, 1.0), (100.0, 3.0)]).farthest_percent() - 50.0).abs() < 1e-9);
        assert!((shares(&[(100.0, 2.0), (300.0, 2.0)]).farthest_percent() - 100.0).abs() < 1e-9);
        assert!((shares(&[(100.0, 0.0), (100.0, 4.0)]).farthest_percent() - 100.0).abs() < 1e-9, "one that starves");
    }
}
