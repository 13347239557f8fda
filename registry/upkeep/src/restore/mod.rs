//! Restore: one history out of what a backup holds and what is left of a store.
//!
//! Into an empty store it gives back the backup; into a damaged one also what
//! was accepted after it, as far as it joins on. Nothing of the store is thrown
//! away: what no longer has a place is set aside in the backup. The generation is
//! claimed in the backup before anything else, so that whatever hosts saw last,
//! what they get now is later. Killed at any step, the same command goes on.
//!
//! The registries should not run meanwhile: what they would answer is old.

mod entries;
mod history;
mod merge;
mod report;

use std::collections::BTreeSet;

use extensions_artifact::{Created, Key, Owned, Prefix, Store};
use extensions_registry_ledger::RebuildOptions;
use extensions_types::{Environment, ExtensionId, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

pub use self::report::RestoreReport;
use crate::{
    Upkeep, UpkeepError,
    backup::{RunManifest, TenantManifest, latest, of_tenant},
    clock::now_ms,
    place::At,
    progress::{Counter, Step, Watcher},
    sweep::Sweep,
    tally::ObjectKind,
    track::Track,
};

/// How to restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Where backup and store tell different histories, take the backup's and
    /// set the store's aside. Otherwise such a history is left as it is, and reported.
    pub prefer_backup: bool,
}

/// `_backup/generations/<generation>.json`.
#[derive(Debug, Serialize)]
struct Claim {
    at_ms: u64,
    run: u64,
}

/// A restore under way.
struct Restore<'a> {
    upkeep: &'a Upkeep,
    registry: At,
    backup: At,
    options: RestoreOptions,
    generation: u64,
}

impl Upkeep {
    /// Restores the registry's store from the newest finished run of `backup`,
    /// and derives heads and entries in a new generation.
    ///
    /// # Errors
    /// When there is no finished run, `backup` cannot be written, or a store fails.
    pub async fn restore(&self, backup: &Store, options: RestoreOptions, watcher: Watcher<'_>) -> Result<RestoreReport, UpkeepError> {
        let backup = self.another_store(backup).await?;
        let manifest = latest(&backup).await?.ok_or(UpkeepError::NoBackup)?;
        let generation = claim(&backup, manifest.run).await?;
        let restore = Restore { upkeep: self, registry: self.registry(), backup, options, generation };
        restore.to_the_end(&manifest, watcher).await
    }
}

/// Claims a generation above all that were ever claimed here. Beginning at the
/// seconds since 1970, it is also above what rebuilds have reached one by one.
async fn claim(backup: &At, run: u64) -> Result<u64, UpkeepError> {
    let claimed = backup.rows(&Prefix::BackupGenerations).await?;
    let last = claimed.iter().filter_map(|row| match row.key {
        Key::BackupGeneration { generation } => Some(generation),
        _ => None,
    });
    let mut generation = last.max().map_or(0, |last| last + 1).max(now_ms() / 1_000);
    loop {
        let key = Key::BackupGeneration { generation };
        let bytes = At::document(&key, &Claim { at_ms: now_ms(), run })?;
        match backup.create(&key, bytes).await? {
            Created::New(_) => return Ok(generation),
            Created::Exists => generation += 1,
        }
    }
}

impl Restore<'_> {
    async fn to_the_end(&self, manifest: &RunManifest, watcher: Watcher<'_>) -> Result<RestoreReport, UpkeepError> {
        let mut report = RestoreReport::new(manifest.run, self.generation);
        report.problem(manifest.problems.iter().map(|problem| format!("when the backup was made: {problem}")));
        let erased = self.markers(&mut report).await?;
        for &env in Environment::ALL {
            let part = self.history(&Track::Control(env), manifest.controls.get(&env)).await?;
            report.merge(part);
        }
        let mut counter = Counter::new(watcher, Step::Restore, None);
        let mut tenants: BTreeSet<TenantId> = self.backup.tenants().await?.into_iter().chain(manifest.tenants.keys().cloned()).collect();
        tenants.extend(self.registry.tenants().await?);
        for tenant in tenants.difference(&erased) {
            self.tenant(manifest, tenant, &mut report, &mut counter).await?;
        }
        for tenant in &erased {
            self.upkeep.sweep_stores(tenant, Sweep::Delete, &mut report.erased).await?;
            self.upkeep.sweep_backup(&self.backup, tenant, Sweep::Delete, &mut report.erased).await?;
        }
        self.look_at_entries(&erased, &mut report).await?;
        let mut counter = Counter::new(watcher, Step::Rebuild, None);
        let options = RebuildOptions { at_least_generation: self.generation, ..RebuildOptions::default() };
        report.rebuild = Some(self.upkeep.ledger().rebuild(&options).await?);
        counter.add(1);
        tracing::info!(run = report.run, generation = report.generation, problems = report.problems.len(), "restored from a backup");
        Ok(report)
    }

    /// Erased tenants are those of either side.
    async fn markers(&self, report: &mut RestoreReport) -> Result<BTreeSet<TenantId>, UpkeepError> {
        let mut erased = BTreeSet::new();
        for (from, to) in [(&self.backup, &self.registry), (&self.registry, &self.backup)] {
            for row in from.rows(&Prefix::Erased).await? {
                let Key::Erased { tenant } = &row.key else { continue };
                erased.insert(tenant.clone());
                let Some(marker) = from.get(&row.key).await? else { continue };
                if matches!(to.create(&row.key, marker.bytes).await?, Created::New(_)) && std::ptr::eq(from, &self.backup) {
                    report.put.add(ObjectKind::Erased, row.bytes);
                }
            }
        }
        Ok(erased)
    }

    async fn tenant(
        &self,
        manifest: &RunManifest,
        tenant: &TenantId,
        report: &mut RestoreReport,
        counter: &mut Counter<'_>,
    ) -> Result<(), UpkeepError> {
        let named = of_tenant(&self.backup, manifest, tenant).await?;
        if named.is_none() && manifest.tenants.contains_key(tenant) {
            report.problem([format!("the backup's manifest of tenant `{tenant}` is missing or damaged; its events are taken as they are")]);
        }
        let named = named.unwrap_or_else(|| TenantManifest::empty(tenant.clone()));
        let mut extensions: BTreeSet<ExtensionId> = self.backup.extensions(tenant).await?.into_iter().collect();
        extensions.extend(self.registry.extensions(tenant).await?);
        extensions.extend(named.extensions.keys().cloned());
        let named = &named;
        let parts = stream::iter(extensions).map(|extension| async move {
            let of = Owned::new(tenant.clone(), extension);
            let mut part = self.history(&Track::Extension(of.clone()), named.extensions.get(&of.extension)).await?;
            self.objects(&of, &mut part).await?;
            Ok::<_, UpkeepError>(part)
        });
        let mut parts = std::pin::pin!(parts.buffer_unordered(self.upkeep.settings().concurrency));
        while let Some(part) = parts.try_next().await? {
            report.merge(part);
            counter.add(1);
        }
        Ok(())
    }
}
