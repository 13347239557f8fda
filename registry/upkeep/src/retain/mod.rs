//! Retention: versions, sources and logs past their time.
//!
//! Versions and sources are deleted by events, through the ledger, whose rules
//! refuse what something still refers to; garbage collection removes the
//! objects afterwards.

mod logs;
mod policy;

use std::{collections::BTreeMap, path::Path};

use extensions_artifact::{Key, Owned, Prefix};
use extensions_registry_core::{Action, Build, Caller, Command, Extension};
use extensions_registry_ledger::LedgerError;
use extensions_types::{CallLabel, Environment, ExtensionId, TenantId, Version};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

pub use self::logs::LogsReport;
use self::policy::{Kept, Past, past};
use crate::{
    Upkeep, UpkeepError,
    clock::{StoreTime, now_ms},
    progress::{Counter, Step, Watcher},
};

/// Problems named in one report.
const PROBLEMS_MAX: usize = 1_000;

/// What retention found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RetentionReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Extensions looked at.
    pub extensions: u64,
    /// Versions that there were.
    pub versions_before: u64,
    /// Versions deleted, or that would be.
    pub versions_deleted: u64,
    /// Sources deleted, or that would be, of versions that stay.
    pub sources_deleted: u64,
    /// Bytes of sources and components that the next garbage collection removes.
    pub bytes_freed: u64,
    /// Deletions that the rules refused: something came to refer to the version.
    pub refused: u64,
    /// Logs, where a folder of them is known.
    pub logs: Option<LogsReport>,
    /// What could not be done, one line each.
    pub problems: Vec<String>,
}

impl RetentionReport {
    /// Whether every extension was looked at.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.problems.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.extensions += other.extensions;
        self.versions_before += other.versions_before;
        self.versions_deleted += other.versions_deleted;
        self.sources_deleted += other.sources_deleted;
        self.bytes_freed += other.bytes_freed;
        self.refused += other.refused;
        let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems.extend(other.problems.into_iter().take(room));
    }
}

impl Upkeep {
    /// Deletes versions and sources past their time, of every tenant or of one.
    /// `dry_run` only counts.
    ///
    /// # Errors
    /// When a store fails; running it again goes on.
    pub async fn retain(&self, only: Option<&TenantId>, dry_run: bool, watcher: Watcher<'_>) -> Result<RetentionReport, UpkeepError> {
        let time = StoreTime::read(&self.registry()).await?;
        let erased = self.erased_tenants().await?;
        let mut report = RetentionReport { dry_run, ..RetentionReport::default() };
        let mut counter = Counter::new(watcher, Step::Retain, None);
        for tenant in self.registry().tenants().await? {
            if erased.contains(&tenant) || only.is_some_and(|only| *only != tenant) {
                continue;
            }
            let extensions = self.registry().extensions(&tenant).await?;
            let parts = stream::iter(extensions).map(|extension| self.retain_extension(&tenant, extension, &time, dry_run));
            let mut parts = std::pin::pin!(parts.buffer_unordered(self.settings().concurrency));
            while let Some(part) = parts.try_next().await? {
                report.merge(part);
                counter.add(1);
            }
        }
        Ok(report)
    }

    /// Removes log files whose day is past its time.
    ///
    /// # Errors
    /// When the folder cannot be read or a file not removed.
    pub async fn retain_logs(&self, folder: &Path, dry_run: bool) -> Result<LogsReport, UpkeepError> {
        let (folder, days) = (folder.to_owned(), self.settings().retention.log_days);
        let work = tokio::task::spawn_blocking(move || logs::logs(&folder, days, now_ms(), dry_run));
        work.await.map_err(std::io::Error::other).and_then(|report| report).map_err(UpkeepError::Logs)
    }

    async fn retain_extension(
        &self,
        tenant: &TenantId,
        extension: ExtensionId,
        time: &StoreTime,
        dry_run: bool,
    ) -> Result<RetentionReport, UpkeepError> {
        let of = Owned::new(tenant.clone(), extension);
        let mut report = RetentionReport { extensions: 1, ..RetentionReport::default() };
        let state = match self.history(&of).await? {
            Ok(state) => state,
            Err(broken) => {
                report.problems.push(format!("`{of}`: {broken}; nothing of it is deleted"));
                return Ok(report);
            }
        };
        report.versions_before = state.versions.len() as u64;
        let past = self.past(&of, &state, time).await?;
        for version in past.versions {
            if dry_run || self.delete_by_event(&of, Action::DeleteVersion { version }, &mut report).await? {
                report.versions_deleted += 1;
                report.bytes_freed += bytes_of(&state, version);
            }
        }
        for version in past.sources {
            if dry_run || self.delete_by_event(&of, Action::DeleteSource { version }, &mut report).await? {
                report.sources_deleted += 1;
                report.bytes_freed += state.versions.get(&version).map_or(0, |record| record.draft.source_bytes);
            }
        }
        Ok(report)
    }

    async fn past(&self, of: &Owned, state: &Extension, time: &StoreTime) -> Result<Past, UpkeepError> {
        let rows = self.registry().rows(&Prefix::Sources(of.clone())).await?;
        let sources: BTreeMap<Version, u64> = rows
            .into_iter()
            .filter_map(|row| match row.key {
                Key::Source { version, .. } => Some((version, row.modified_ms)),
                _ => None,
            })
            .collect();
        let kept: Vec<Kept> = state.versions.keys().map(|&version| kept(state, version, &sources, time)).collect();
        Ok(past(&kept, &self.settings().retention))
    }

    /// Whether it is deleted now. A refusal is no failure: what came to be
    /// needed since the history was read stays.
    async fn delete_by_event(&self, of: &Owned, action: Action, report: &mut RetentionReport) -> Result<bool, UpkeepError> {
        let (what, version) = match &action {
            Action::DeleteSource { version } => ("source", version),
            Action::DeleteVersion { version } => ("version", version),
            _ => return Ok(false),
        };
        let label = |text: String| CallLabel::parse(&text).expect("letters, digits and hyphens within 128 bytes make a label");
        let command =
            Command { id: label(format!("retention-{what}-{version}")), expected_seq: None, why: "past its time".to_owned(), from: None, action };
        let caller = Caller::registry(label("retention".to_owned()));
        match self.ledger().run(of, &command, &caller).await {
            Ok(_) => Ok(true),
            Err(LedgerError::Refused(refusal)) => {
                tracing::debug!(%of, %refusal, "retention keeps a version that something refers to");
                report.refused += 1;
                Ok(false)
            }
            Err(LedgerError::Erased(_)) => Ok(false),
            Err(error @ (LedgerError::Contended { .. } | LedgerError::Busy | LedgerError::Unserved { .. } | LedgerError::Ahead { .. })) => {
                report.problems.push(format!("`{of}`: {error}"));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A version as retention sees it. Ages are by the later of the registry's and
/// the store's time, so that one clock's jump makes nothing older.
fn kept(state: &Extension, version: Version, sources: &BTreeMap<Version, u64>, time: &StoreTime) -> Kept {
    let record = &state.versions[&version];
    let stored_ms = sources.get(&version).copied();
    let asked_for = |env: &Environment| state.listed(*env).contains(&version) || state.rollback_targets(*env).contains(&version);
    let reviewed = record.reviews.iter().any(|(env, review)| review.rejected.is_none() && !record.promoted.contains(env));
    let building = matches!(record.build, Build::Requested { .. });
    let retired = record.retired_at_ms.is_some();
    Kept {
        version,
        age_ms: time.age_ms(record.created_at_ms.max(stored_ms.unwrap_or(0))),
        retired_ms: record.retired_at_ms.map(|at_ms| time.age_ms(at_ms)),
        served: !record.promoted.is_empty(),
        held: Environment::ALL.iter().any(asked_for) || building || (reviewed && !retired),
        source_free: stored_ms.is_some() && !record.source_deleted && !building,
    }
}

fn bytes_of(state: &Extension, version: Version) -> u64 {
    let Some(record) = state.versions.get(&version) else { return 0 };
    let source = if record.source_deleted { 0 } else { record.draft.source_bytes };
    source + record.built().map_or(0, |built| built.component_bytes)
}
