//! Erasure of a tenant: the marker first, then what is served, then everything.
//!
//! The marker refuses every new command. A command that was under way has left a
//! pending marker before it read that nobody is erased, so once entries are gone
//! and no pending marker is left, nothing can come back. Killed at any step, the
//! same command goes on; garbage collection and a restore apply markers again.

use std::time::Duration;

use extensions_artifact::{Key, Prefix, Store, document};
use extensions_registry_core::Actor;
use extensions_types::{Environment, SchemaV1, TenantId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    Upkeep, UpkeepError,
    clock::{StoreTime, now_ms},
    place::{At, Place},
    progress::{Counter, Step, Watcher},
    sweep::Sweep,
    tally::Tallies,
};

/// `_erased/<tenant>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedMarker {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// Who is gone.
    pub tenant: TenantId,
    /// When, in milliseconds since the Unix epoch, by the registry's clock.
    pub at_ms: u64,
    /// Who asked for it.
    pub by: Actor,
    /// Why.
    pub why: String,
}

/// What an erasure is asked for.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// Who shall be gone.
    pub tenant: TenantId,
    /// Who asks.
    pub by: Actor,
    /// Why.
    pub why: String,
    /// Only count.
    pub dry_run: bool,
}

/// What an erasure found and did.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureReport {
    /// Who is gone.
    pub tenant: TenantId,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Whether the marker had been there before.
    pub resumed: bool,
    /// Whether no command of the tenant is under way any more. If not, run it again.
    pub settled: bool,
    /// The tenant's objects in all stores at first, by kind.
    pub before: Tallies,
    /// What was deleted.
    pub removed: Tallies,
    /// What is left; nothing but after a dry run, or when `settled` is false.
    pub after: Tallies,
}

impl ErasureReport {
    fn new(erasure: &Erasure, resumed: bool, settled: bool, removed: Tallies, after: Tallies) -> Self {
        let mut before = removed.clone();
        before.merge(&after);
        Self { tenant: erasure.tenant.clone(), dry_run: erasure.dry_run, resumed, settled, before, removed, after }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.settled && self.after == Tallies::default()
    }
}

/// Deletes again what came in while the first round went over the stores.
const ROUNDS_MAX: u32 = 3;
/// How often it is looked whether commands have ended: they take some 50 ms.
const SETTLE_POLL: Duration = Duration::from_millis(100);

impl Upkeep {
    /// Erases a tenant in every store and in `backups`. Its id is never used again.
    ///
    /// # Errors
    /// When a store fails; the marker is first to be written, so from then on
    /// nothing new of the tenant is accepted, and running it again goes on.
    pub async fn erase(&self, erasure: &Erasure, backups: &[Store], watcher: Watcher<'_>) -> Result<ErasureReport, UpkeepError> {
        let tenant = &erasure.tenant;
        let backups: Vec<At> = backups.iter().map(|store| At::new(Place::Backup, store)).collect();
        let resumed = self.is_erased(tenant).await?;
        if erasure.dry_run {
            let after = self.left_of(tenant, &backups).await?;
            return Ok(ErasureReport::new(erasure, resumed, true, Tallies::default(), after));
        }
        let mut removed = Tallies::default();
        let mut counter = Counter::new(watcher, Step::Mark, None);
        self.mark_erased(erasure, &backups).await?;
        counter.add(1);
        let mut counter = Counter::new(watcher, Step::Unserve, None);
        self.sweep_entries(tenant, Sweep::Delete, &mut removed).await?;
        counter.add(removed.total().count);
        let settled = self.settle(tenant, watcher).await?;
        let mut counter = Counter::new(watcher, Step::Delete, None);
        for _ in 0..ROUNDS_MAX {
            let found = removed.total().count;
            self.sweep_stores(tenant, Sweep::Delete, &mut removed).await?;
            for backup in &backups {
                self.sweep_backup(backup, tenant, Sweep::Delete, &mut removed).await?;
            }
            counter.add(removed.total().count - found);
            if removed.total().count == found {
                break;
            }
        }
        let after = self.left_of(tenant, &backups).await?;
        tracing::info!(%tenant, objects = removed.total().count, settled, "a tenant was erased");
        Ok(ErasureReport::new(erasure, resumed, settled, removed, after))
    }

    async fn left_of(&self, tenant: &TenantId, backups: &[At]) -> Result<Tallies, UpkeepError> {
        let mut left = Tallies::default();
        self.sweep_stores(tenant, Sweep::Count, &mut left).await?;
        for backup in backups {
            self.sweep_backup(backup, tenant, Sweep::Count, &mut left).await?;
        }
        Ok(left)
    }

    pub(crate) async fn is_erased(&self, tenant: &TenantId) -> Result<bool, UpkeepError> {
        Ok(self.registry().head(&Key::Erased { tenant: tenant.clone() }).await?.is_some())
    }

    /// Backups get the marker first: a store that is lost right afterwards is
    /// then not restored with the tenant in it.
    async fn mark_erased(&self, erasure: &Erasure, backups: &[At]) -> Result<(), UpkeepError> {
        let tenant = erasure.tenant.clone();
        let key = Key::Erased { tenant: tenant.clone() };
        let marker = ErasedMarker { schema: SchemaV1, tenant, at_ms: now_ms(), by: erasure.by.clone(), why: erasure.why.clone() };
        let bytes = document::encode(&marker).map_err(|source| UpkeepError::Document { path: key.path(), source })?;
        for at in backups.iter().chain([&self.registry()]) {
            at.create(&key, bytes.clone()).await?;
        }
        Ok(())
    }

    /// Waits until no command of the tenant is under way. A marker that is older
    /// than the whole wait was left by a process that is gone.
    async fn settle(&self, tenant: &TenantId, watcher: Watcher<'_>) -> Result<bool, UpkeepError> {
        let mut counter = Counter::new(watcher, Step::Settle, None);
        let deadline = Instant::now() + self.settings().settle();
        loop {
            let mut pending = Vec::new();
            for &env in Environment::ALL {
                pending.extend(self.registry().rows(&Prefix::PendingOfTenant(env, tenant.clone())).await?);
            }
            if pending.is_empty() {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                let time = StoreTime::read(&self.registry()).await?;
                let settle_ms = u64::from(self.settings().settle_seconds) * 1_000;
                let young = pending.iter().filter(|row| time.age_ms(row.modified_ms) < settle_ms).count();
                for row in pending.iter().filter(|row| time.age_ms(row.modified_ms) >= settle_ms) {
                    self.registry().delete(&row.key).await?;
                }
                return Ok(young == 0);
            }
            tokio::time::sleep(SETTLE_POLL).await;
            counter.add(1);
        }
    }
}
