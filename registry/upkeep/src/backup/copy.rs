//! One run of a backup.

use std::collections::{BTreeMap, BTreeSet};

use extensions_artifact::{Created, Key, Owned, Prefix, Row, Store, digest};
use extensions_types::{Environment, ExtensionId, SchemaV1, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    manifest::{HistoryRef, RunManifest, TenantManifest, of_tenant, prune, runs},
    report::BackupReport,
};
use crate::{
    Place, Upkeep, UpkeepError,
    clock::{now_ms, same_store},
    objects::{Expected, Lies, expected},
    place::At,
    progress::{Counter, Step, Watcher},
    sweep::Sweep,
    tally::{ObjectKind, Tallies},
    track::{Told, Track, tell},
};

/// How often a history is read again when an object of it is deleted under our hands.
const ROUNDS_MAX: u32 = 5;
/// Problems named in one report.
const PROBLEMS_MAX: usize = 1_000;

/// A run under way.
struct Run<'a> {
    upkeep: &'a Upkeep,
    registry: At,
    backup: At,
    previous: Option<RunManifest>,
}

/// What became of one history.
#[derive(Default)]
struct Copied {
    history: Option<HistoryRef>,
    copied: Tallies,
    unchanged: bool,
    problems: Vec<String>,
}

impl Upkeep {
    /// Copies what is new into `backup`.
    ///
    /// # Errors
    /// When a store fails, or `backup` is one of the registry's own stores. What
    /// was copied stays; running it again goes on.
    pub async fn backup(&self, backup: &Store, watcher: Watcher<'_>) -> Result<BackupReport, UpkeepError> {
        let backup = self.another_store(backup).await?;
        let runs = runs(&backup).await?;
        let previous = match runs.finished.last() {
            Some(&run) => backup.read(&Key::BackupRun { run }).await?,
            None => None,
        };
        let run = Run { upkeep: self, registry: self.registry(), previous, backup };
        // Unfinished runs have taken their numbers too.
        let report = run.to_the_end(runs.all.keys().last().map_or(0, |last| last + 1), watcher).await?;
        prune(&run.backup, &runs).await?;
        Ok(report)
    }

    /// `store` as a backup, unless the registry itself lives in it.
    pub(crate) async fn another_store(&self, store: &Store) -> Result<At, UpkeepError> {
        let backup = At::new(Place::Backup, store);
        let own = Environment::ALL.iter().map(|&env| self.env(env)).chain([self.registry()]);
        for at in own {
            if same_store(&at, &backup).await? {
                return Err(UpkeepError::SamePlace);
            }
        }
        Ok(backup)
    }
}

impl Run<'_> {
    async fn to_the_end(&self, at_least: u64, watcher: Watcher<'_>) -> Result<BackupReport, UpkeepError> {
        let at_ms = now_ms();
        let number = at_ms.max(at_least);
        let mut report = BackupReport {
            run: number,
            holds: Tallies::default(),
            copied: Tallies::default(),
            erased: Tallies::default(),
            unchanged: 0,
            problems: Vec::new(),
        };
        let erased = self.erasures(&mut report).await?;
        let mut manifest = RunManifest {
            schema: SchemaV1,
            run: number,
            at_ms,
            tenants: BTreeMap::new(),
            controls: BTreeMap::new(),
            erased,
            holds: Tallies::default(),
            problems: Vec::new(),
        };
        self.controls(&mut manifest, &mut report).await?;
        let mut counter = Counter::new(watcher, Step::Copy, None);
        for tenant in self.registry.tenants().await? {
            if !manifest.erased.contains(&tenant) {
                self.tenant(tenant, &mut manifest, &mut report, &mut counter).await?;
            }
        }
        // Erased while we copied: the marker was there before the first object was deleted.
        let erased = self.erasures(&mut report).await?;
        manifest.tenants.retain(|tenant, _| !erased.contains(tenant));
        manifest.erased = erased;
        self.finish(manifest, report).await
    }

    async fn finish(&self, mut manifest: RunManifest, mut report: BackupReport) -> Result<BackupReport, UpkeepError> {
        report.problems.truncate(PROBLEMS_MAX);
        manifest.holds = report.holds.clone();
        manifest.problems = report.problems.clone();
        let key = Key::BackupRun { run: manifest.run };
        match self.backup.create(&key, At::document(&key, &manifest)?).await? {
            Created::New(_) => Ok(report),
            Created::Exists => Err(UpkeepError::Busy),
        }
    }

    /// Copies the markers of erased tenants, and erases them in the backup too.
    async fn erasures(&self, report: &mut BackupReport) -> Result<BTreeSet<TenantId>, UpkeepError> {
        let erased = self.upkeep.erased_tenants().await?;
        for tenant in &erased {
            let key = Key::Erased { tenant: tenant.clone() };
            let Some(marker) = self.registry.get(&key).await? else { continue };
            let bytes = marker.bytes.len() as u64;
            if matches!(self.backup.create(&key, marker.bytes).await?, Created::New(_)) {
                report.copied.add(ObjectKind::Erased, bytes);
            }
            self.upkeep.sweep_backup(&self.backup, tenant, Sweep::Delete, &mut report.erased).await?;
        }
        Ok(erased)
    }

    async fn controls(&self, manifest: &mut RunManifest, report: &mut BackupReport) -> Result<(), UpkeepError> {
        for &env in Environment::ALL {
            let track = Track::Control(env);
            let told = tell(&track, &self.registry).await?;
            let mut copied = Copied::default();
            let mut holds = Tallies::default();
            if self.events(&track, &told, &mut holds, &mut copied).await? && told.chain.events > 0 {
                let history = HistoryRef { events: told.chain.events, sha256: told.chain.sha256, holds };
                report.holds.merge(&history.holds);
                manifest.controls.insert(env, history);
            }
            report.copied.merge(&copied.copied);
            report.problems.extend(copied.problems);
        }
        Ok(())
    }

    async fn tenant(
        &self,
        tenant: TenantId,
        manifest: &mut RunManifest,
        report: &mut BackupReport,
        counter: &mut Counter<'_>,
    ) -> Result<(), UpkeepError> {
        let before = match &self.previous {
            Some(previous) => of_tenant(&self.backup, previous, &tenant).await?,
            None => None,
        };
        let before = before.map(|manifest| manifest.extensions).unwrap_or_default();
        let (tenant_id, before) = (&tenant, &before);
        let mut extensions = BTreeMap::new();
        let parts = stream::iter(self.registry.extensions(&tenant).await?).map(|extension| async move {
            let copied = self.extension(tenant_id, &extension, before.get(&extension)).await?;
            Ok::<_, UpkeepError>((extension, copied))
        });
        let mut parts = std::pin::pin!(parts.buffer_unordered(self.upkeep.settings().concurrency));
        while let Some((extension, copied)) = parts.try_next().await? {
            report.copied.merge(&copied.copied);
            report.unchanged += u64::from(copied.unchanged);
            report.problems.extend(copied.problems);
            if let Some(history) = copied.history {
                report.holds.merge(&history.holds);
                extensions.insert(extension, history);
            }
            counter.add(1);
        }
        let key = Key::BackupTenant { run: manifest.run, tenant: tenant.clone() };
        let bytes = At::document(&key, &TenantManifest { schema: SchemaV1, tenant: tenant.clone(), extensions })?;
        manifest.tenants.insert(tenant.clone(), digest(&bytes));
        match self.backup.create(&key, bytes).await? {
            Created::New(_) => Ok(()),
            Created::Exists => Err(UpkeepError::Busy),
        }
    }

    async fn extension(&self, tenant: &TenantId, extension: &ExtensionId, before: Option<&HistoryRef>) -> Result<Copied, UpkeepError> {
        let of = Owned::new(tenant.clone(), extension.clone());
        let rows = self.registry.rows(&Prefix::Extension(of.clone())).await?;
        let have = self.backup.rows(&Prefix::Extension(of.clone())).await?;
        if let Some(before) = before.filter(|before| is_unchanged(before, &rows, &have)) {
            return Ok(Copied { history: Some(before.clone()), unchanged: true, ..Copied::default() });
        }
        let have: BTreeMap<Key, u64> = have.into_iter().map(|row| (row.key, row.bytes)).collect();
        let track = Track::Extension(of.clone());
        let mut copied = Copied::default();
        for round in 1..=ROUNDS_MAX {
            let told = tell(&track, &self.registry).await?;
            let mut holds = Tallies::default();
            copied.problems.clear();
            if !self.events(&track, &told, &mut holds, &mut copied).await? {
                return Ok(Copied { history: before.cloned(), ..copied });
            }
            let lost = self.objects(&of, &told, &have, &mut holds, &mut copied).await?;
            if lost.is_empty() || round == ROUNDS_MAX {
                copied.problems.extend(lost.iter().map(|key| format!("`{key}` is lost or damaged in the registry's store")));
                copied.history = Some(HistoryRef { events: told.chain.events, sha256: told.chain.sha256, holds }).filter(|_| told.chain.events > 0);
                return Ok(copied);
            }
            // Deleted between the history and its objects? Then the history says so by now.
        }
        Ok(copied)
    }

    /// Copies the events that the backup lacks. False when the backup holds
    /// another history: then nothing of it is touched.
    async fn events(&self, track: &Track, told: &Told, holds: &mut Tallies, copied: &mut Copied) -> Result<bool, UpkeepError> {
        copied.problems.extend(told.broken.iter().map(|broken| format!("{broken}; what comes after it is not in the backup")));
        let kind = match track {
            Track::Extension(_) => ObjectKind::Event,
            Track::Control(_) => ObjectKind::ControlEvent,
        };
        let have: BTreeSet<u64> = track.seqs(&self.backup).await?.into_iter().collect();
        let mut ours = std::pin::pin!(track.objects(&self.registry, told.digests.keys().copied().filter(|seq| !have.contains(seq))));
        while let Some((seq, object)) = ours.try_next().await? {
            let Some(object) = object else { continue };
            let bytes = object.bytes.len() as u64;
            if matches!(self.backup.create(&track.key(seq), object.bytes).await?, Created::New(_)) {
                copied.copied.add(kind, bytes);
            }
        }
        let mut theirs = std::pin::pin!(track.objects(&self.backup, told.digests.keys().copied().collect::<Vec<_>>()));
        while let Some((seq, object)) = theirs.try_next().await? {
            let same = object.as_ref().is_some_and(|object| Some(&digest(&object.bytes)) == told.digests.get(&seq));
            if !same {
                copied.problems.push(format!(
                    "the backup holds another `{}` than the registry: it is of another history; use a new folder or bucket",
                    track.key(seq)
                ));
                return Ok(false);
            }
            holds.add(kind, object.map_or(0, |object| object.bytes.len() as u64));
        }
        Ok(true)
    }

    /// Copies the objects that the backup lacks; says which of them the registry lost.
    async fn objects(
        &self,
        of: &Owned,
        told: &Told,
        have: &BTreeMap<Key, u64>,
        holds: &mut Tallies,
        copied: &mut Copied,
    ) -> Result<Vec<Key>, UpkeepError> {
        let mut lost = Vec::new();
        for expected in told.state.iter().flat_map(|state| expected(of, state)) {
            let kind = ObjectKind::from(&expected.key);
            if let Some(&bytes) = have.get(&expected.key) {
                holds.add(kind, bytes);
                continue;
            }
            let Expected { key, must, .. } = &expected;
            match expected.look(&self.registry).await? {
                Lies::Right(content) => {
                    let bytes = content.len() as u64;
                    if matches!(self.backup.create(key, content).await?, Created::New(_)) {
                        copied.copied.add(kind, bytes);
                    }
                    holds.add(kind, bytes);
                }
                Lies::Nothing if !must => {}
                Lies::Nothing | Lies::Wrong => lost.push(expected.key),
            }
        }
        Ok(lost)
    }
}

/// Whether a history has no new event and no object that the backup lacks.
fn is_unchanged(before: &HistoryRef, rows: &[Row], have: &[Row]) -> bool {
    let have: BTreeMap<&Key, u64> = have.iter().map(|row| (&row.key, row.bytes)).collect();
    let events = rows.iter().filter(|row| matches!(row.key, Key::Event { .. })).count() as u64;
    let copied = |row: &Row| matches!(row.key, Key::Head { .. }) || have.get(&row.key) == Some(&row.bytes);
    events == before.events && rows.iter().all(copied)
}
