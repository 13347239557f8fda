//! What a backup holds, as documents in it.

use std::collections::{BTreeMap, BTreeSet};

use extensions_artifact::{Key, Prefix, digest};
use extensions_types::{Environment, ExtensionId, SchemaV1, Sha256, TenantId};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::{UpkeepError, place::At, tally::Tallies, track::Chain};

/// How far one history is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRef {
    /// Its events: 1 to this.
    pub events: u64,
    /// A hash over all of them, in order.
    pub sha256: Sha256,
    /// Its events and the objects that they say there are, by kind.
    pub holds: Tallies,
}

impl HistoryRef {
    pub(crate) fn chain(&self) -> Chain {
        Chain { events: self.events, sha256: self.sha256 }
    }
}

/// `_backup/runs/<run>/tenants/<tenant>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantManifest {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// Whose.
    pub tenant: TenantId,
    /// Each of its extensions.
    pub extensions: BTreeMap<ExtensionId, HistoryRef>,
}

impl TenantManifest {
    pub(crate) const fn empty(tenant: TenantId) -> Self {
        Self { schema: SchemaV1, tenant, extensions: BTreeMap::new() }
    }
}

/// `_backup/runs/<run>/manifest.json`: written last, so that a run with one is finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunManifest {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// The run's number.
    pub run: u64,
    /// When it began, in milliseconds since the Unix epoch, by the registry's clock.
    pub at_ms: u64,
    /// Each tenant, with the digest of its manifest.
    pub tenants: BTreeMap<TenantId, Sha256>,
    /// Each environment's control.
    pub controls: BTreeMap<Environment, HistoryRef>,
    /// Tenants that had been erased.
    pub erased: BTreeSet<TenantId>,
    /// Everything together, by kind.
    pub holds: Tallies,
    /// What could not be copied whole, one line each.
    pub problems: Vec<String>,
}

/// The runs of a backup.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Those with a manifest, in rising order.
    pub(crate) finished: Vec<u64>,
    /// Every number taken, with its documents.
    pub(crate) all: BTreeMap<u64, Vec<Key>>,
}

pub(crate) async fn runs(backup: &At) -> Result<Runs, UpkeepError> {
    let mut runs = Runs::default();
    let mut rows = backup.list(&Prefix::BackupRuns);
    while let Some(row) = rows.try_next().await? {
        let (Key::BackupRun { run } | Key::BackupTenant { run, .. }) = row.key else { continue };
        if matches!(row.key, Key::BackupRun { .. }) {
            runs.finished.push(run);
        }
        runs.all.entry(run).or_default().push(row.key);
    }
    runs.finished.sort_unstable();
    Ok(runs)
}

/// The newest finished run of a backup.
pub(crate) async fn latest(backup: &At) -> Result<Option<RunManifest>, UpkeepError> {
    match runs(backup).await?.finished.last() {
        Some(&run) => backup.read(&Key::BackupRun { run }).await,
        None => Ok(None),
    }
}

/// Deletes the manifests of old runs, and what runs before the one that is
/// finished last left without ever ending. Objects stay: the newest run's
/// histories are the old ones', gone on.
pub(crate) async fn prune(backup: &At, runs: &Runs) -> Result<(), UpkeepError> {
    let Some(&newest) = runs.finished.last() else { return Ok(()) };
    let kept = runs.finished.iter().rev().take(RUNS_KEPT).copied().collect::<BTreeSet<_>>();
    for (_, keys) in runs.all.iter().filter(|(run, _)| **run < newest && !kept.contains(run)) {
        // The manifest sorts first: without it the run is none.
        for key in keys {
            backup.delete(key).await?;
        }
    }
    Ok(())
}

/// A month of daily runs: to see what there was, not to restore from.
const RUNS_KEPT: usize = 30;

/// A tenant's manifest of a run; none where it is gone or not the one that the run names.
pub(crate) async fn of_tenant(backup: &At, manifest: &RunManifest, tenant: &TenantId) -> Result<Option<TenantManifest>, UpkeepError> {
    let Some(sha256) = manifest.tenants.get(tenant) else { return Ok(None) };
    let key = Key::BackupTenant { run: manifest.run, tenant: tenant.clone() };
    let Some(object) = backup.get(&key).await? else { return Ok(None) };
    if digest(&object.bytes) != *sha256 {
        return Ok(None);
    }
    backup.read(&key).await
}
