//! `extensions-registry`: versions, reviews, promotions.
//!
//! Settings, log, registry; then serve until a signal, drain, end. Or one task
//! of upkeep, its report, and the end.

mod arguments;
mod tasks;

use std::{error::Error, process::ExitCode};

use clap::Parser as _;
use extensions_registry::{Registry, RegistrySettings, SettingsError, StartError, start_logging, stop_asked};
use extensions_registry_upkeep::UpkeepError;
use tokio::runtime::Runtime;

use crate::arguments::Arguments;

/// Why the program ends otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The operator must change something.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The registry does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A task did not come to its end.
    #[error("upkeep did not come to its end; run it again")]
    Upkeep(#[source] Box<UpkeepError>),
    /// A report says that something is missing.
    #[error("the report has gaps; it says which")]
    Gaps,
    /// This machine does not let it run.
    #[error("cannot run")]
    System(#[from] std::io::Error),
}

impl Failure {
    /// 2 where settings must change, 1 where the machine stands in the way.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Start(StartError::Settings(_) | StartError::Identity(_)) => 2.into(),
            Self::Start(_) | Self::Upkeep(_) | Self::Gaps | Self::System(_) => 1.into(),
        }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let settings = arguments.settings()?;
    if arguments.check {
        return checked(settings);
    }
    start_logging(settings.log.format, settings.log.filter.as_deref())?;
    let runtime = Runtime::new()?;
    match arguments.task {
        Some(task) => {
            let complete = runtime.block_on(tasks::run(&settings, task))?;
            if complete { Ok(()) } else { Err(Failure::Gaps) }
        }
        None => runtime.block_on(serve(&settings)),
    }
}

async fn serve(settings: &RegistrySettings) -> Result<(), Failure> {
    let registry = Registry::start(settings).await?;
    let addresses = registry.addresses();
    let admin = addresses.admin.map_or_else(String::new, |address| address.to_string());
    tracing::info!(address = %addresses.main, admin, "listening");
    stop_asked().await?;
    tracing::info!("stopping: requests in flight may end");
    let drained = registry.drain().await;
    tracing::info!(cut = drained.cut, "stopped");
    Ok(())
}

/// `--check`: everything that can be known to be wrong without the network.
fn checked(settings: RegistrySettings) -> Result<(), Failure> {
    settings.open_stores()?;
    settings.open_backup()?;
    settings.board()?;
    settings.listen.open_tls()?;
    extensions_identity::Verifier::new(settings.identity).map_err(StartError::Identity)?;
    Ok(())
}

/// The failure and its causes, for whoever started the program; the log may not have begun.
fn say(failure: &Failure) {
    let mut text = format!("extensions-registry: {failure}");
    let mut cause = failure.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    #[allow(clippy::print_stderr, reason = "standard error is where a program says why it ends")]
    {
        eprintln!("{text}");
    }
}
