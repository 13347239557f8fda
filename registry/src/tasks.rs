//! Upkeep from the command line: one report each, progress beside it.

use std::{io::Write as _, path::Path};

use extensions_registry::{RegistrySettings, SettingsError, SignerError, Stores, sign, sign_once, stop_asked};
use extensions_registry_core::Actor;
use extensions_registry_ledger::{Clock, Ledger};
use extensions_registry_signer::make_key_files;
use extensions_registry_upkeep::{Erasure, GcPlan, Progress, RestoreOptions, Upkeep, UpkeepError};
use extensions_types::{ActorType, CallLabel};
use serde::Serialize;
use serde_json::json;

use crate::{Failure, arguments::Task};

/// Steps of many objects are told this often.
const TELL_EVERY: u64 = 100;

/// Runs a task to its end and prints its report; says whether it is complete.
pub(crate) async fn run(settings: &RegistrySettings, task: Task) -> Result<bool, Failure> {
    let stores: Stores = settings.open_stores()?;
    let backup = settings.open_backup()?;
    let named = || backup.as_ref().ok_or_else(|| SettingsError::Value("[backup] is missing: say where backups lie, `dir` or `s3`".to_owned()));
    let upkeep = Upkeep::new(Ledger::new(stores, settings.policy, Clock::system()), settings.upkeep.clone());
    match task {
        Task::Backup => {
            let report = upkeep.backup(named()?, &tell).await?;
            print(&report)?;
            Ok(report.complete())
        }
        Task::Verify => {
            let report = upkeep.verify_backup(named()?, &tell).await?;
            print(&report)?;
            Ok(report.complete())
        }
        Task::Restore { prefer_backup } => {
            let report = upkeep.restore(named()?, RestoreOptions { prefer_backup }, &tell).await?;
            print(&report)?;
            Ok(report.complete())
        }
        Task::Gc { apply, plan } => {
            let plan = match plan {
                Some(file) => read_plan(&file)?,
                None => upkeep.gc_plan(&tell).await?,
            };
            if !apply {
                print(&plan)?;
                return Ok(true);
            }
            let report = upkeep.gc_apply(&plan, &tell).await?;
            print(&report)?;
            Ok(report.complete())
        }
        Task::Retain { apply } => {
            let mut report = upkeep.retain(None, !apply, &tell).await?;
            if let Some(dir) = &settings.audit.dir {
                report.logs = Some(upkeep.retain_logs(dir, !apply).await?);
            }
            print(&report)?;
            Ok(report.complete())
        }
        Task::Rebuild { tenant } => {
            let report = upkeep.rebuild(tenant.as_ref(), &tell).await?;
            print(&report)?;
            Ok(report.is_complete())
        }
        Task::Erase { tenant, why, dry_run } => {
            let erasure = Erasure { tenant, by: operator(), why, dry_run };
            let report = upkeep.erase(&erasure, backup.as_slice(), &tell).await?;
            print(&report)?;
            Ok(dry_run || report.complete())
        }
    }
}

/// Signs until a signal, or until nothing is left; says whether that is complete.
pub(crate) async fn signer(settings: &RegistrySettings, once: bool) -> Result<bool, Failure> {
    if once {
        let report = sign_once(settings).await?;
        print(&report)?;
        return Ok(report.complete());
    }
    tokio::select! {
        ended = sign(settings) => ended?,
        stopped = stop_asked() => stopped?,
    }
    tracing::info!("stopped");
    Ok(true)
}

/// Makes the signer's key pair, and says what goes where.
pub(crate) fn new_key(file: &Path) -> Result<(), Failure> {
    let made = make_key_files(file).map_err(SignerError::from)?;
    print(&json!({"key": made.id.to_string(), "private": made.private, "public": made.public}))
}

fn read_plan(file: &Path) -> Result<GcPlan, Failure> {
    let text = std::fs::read(file)?;
    serde_json::from_slice(&text).map_err(|error| SettingsError::Value(format!("{} is no plan that `gc` printed: {error}", file.display())).into())
}

/// Whoever may read the store's credentials needs no token.
fn operator() -> Actor {
    let user = std::env::var("USER").ok().and_then(|user| CallLabel::parse(&user).ok());
    let sub = user.unwrap_or_else(|| CallLabel::parse("operator").expect("a constant of the grammar"));
    Actor { iss: "command-line".to_owned(), sub, actor_type: ActorType::System, act: Vec::new() }
}

fn print(report: &impl Serialize) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn tell(progress: Progress) {
    let Progress { step, done, total } = progress;
    if done.is_multiple_of(TELL_EVERY) || total == Some(done) {
        tracing::info!(?step, done, total, "under way");
    }
}

impl From<UpkeepError> for Failure {
    fn from(error: UpkeepError) -> Self {
        Self::Upkeep(Box::new(error))
    }
}
