//! Reads a whole backup and compares it with its manifest.

use extensions_artifact::{Key, Owned, Store};
use extensions_types::TenantId;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::manifest::{HistoryRef, latest, of_tenant};
use crate::{
    Place, Upkeep, UpkeepError,
    objects::{Lies, expected},
    place::At,
    progress::{Counter, Step, Watcher},
    tally::{ObjectKind, Tallies},
    track::{Chain, Track, tell},
};

/// Problems named in one report.
const PROBLEMS_MAX: usize = 1_000;

/// What a look at a backup found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The newest finished run.
    pub run: u64,
    /// What was read and is as it should be, by kind.
    pub verified: Tallies,
    /// What is missing or wrong, one line each; what the run itself could not copy is here too.
    pub problems: Vec<String>,
}

impl VerifyReport {
    /// Whether a restore would give back everything.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.problems.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.verified.merge(&other.verified);
        let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems.extend(other.problems.into_iter().take(room));
    }
}

impl Upkeep {
    /// Reads every object that the newest run of a backup names, and compares digests.
    ///
    /// # Errors
    /// When there is no finished run, or the backup's store fails.
    pub async fn verify_backup(&self, backup: &Store, watcher: Watcher<'_>) -> Result<VerifyReport, UpkeepError> {
        let backup = At::new(Place::Backup, backup);
        let manifest = latest(&backup).await?.ok_or(UpkeepError::NoBackup)?;
        let mut report = VerifyReport { run: manifest.run, problems: manifest.problems.clone(), ..VerifyReport::default() };
        for (&env, history) in &manifest.controls {
            report.merge(verify(&backup, &Track::Control(env), history).await?);
        }
        let mut counter = Counter::new(watcher, Step::Verify, None);
        for tenant in manifest.tenants.keys() {
            if backup.head(&Key::Erased { tenant: tenant.clone() }).await?.is_some() {
                continue;
            }
            let Some(extensions) = of_tenant(&backup, &manifest, tenant).await?.map(|manifest| manifest.extensions) else {
                report.problems.push(format!("the manifest of tenant `{tenant}` is missing or damaged"));
                continue;
            };
            let parts = stream::iter(extensions).map(|(extension, history)| {
                let track = Track::Extension(Owned::new(TenantId::clone(tenant), extension));
                let backup = &backup;
                async move { verify(backup, &track, &history).await }
            });
            let mut parts = std::pin::pin!(parts.buffer_unordered(self.settings().concurrency));
            while let Some(part) = parts.try_next().await? {
                report.merge(part);
                counter.add(1);
            }
        }
        Ok(report)
    }
}

async fn verify(backup: &At, track: &Track, history: &HistoryRef) -> Result<VerifyReport, UpkeepError> {
    let mut report = VerifyReport::default();
    let told = tell(track, backup).await?;
    report.problems.extend(told.broken);
    let chain = told.digests.values().take(history.events as usize).fold(Chain::EMPTY, Chain::link);
    if chain != history.chain() {
        report.problems.push(format!("the events up to `{}` are not those of the manifest", track.key(history.events)));
    }
    let kind = ObjectKind::from(&track.key(1));
    told.digests.keys().for_each(|_| report.verified.add(kind, 0));
    report.verified.add_bytes(kind, told.bytes);
    let (Track::Extension(of), Some(state)) = (track, &told.state) else { return Ok(report) };
    for expected in expected(of, state) {
        match expected.look(backup).await? {
            Lies::Right(bytes) => report.verified.add(ObjectKind::from(&expected.key), bytes.len() as u64),
            Lies::Nothing if !expected.must => {}
            Lies::Nothing => report.problems.push(format!("`{}` is missing", expected.key)),
            Lies::Wrong => report.problems.push(format!("`{}` is damaged", expected.key)),
        }
    }
    Ok(report)
}
