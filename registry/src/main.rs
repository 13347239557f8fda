//! `extensions-registry`: versions, reviews, promotions.
//!
//! Settings, log, registry; then serve until a signal, drain, end. Or one task
//! of upkeep, its report, and the end.

mod arguments;
mod tasks;

use std::process::ExitCode;

use clap::Parser as _;
use extensions_registry::{Registry, RegistrySettings, SettingsError, SignerError, StartError, check_signer, start_logging, stop_asked};
use extensions_registry_upkeep::UpkeepError;
use extensions_types::with_causes;
use tokio::runtime::Runtime;

use crate::arguments::{Arguments, Command};

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
    /// The signer does not work.
    #[error(transparent)]
    Signer(#[from] SignerError),
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
            Self::Signer(error) if error.is_of_settings() => 2.into(),
            Self::Start(_) | Self::Signer(_) | Self::Upkeep(_) | Self::Gaps | Self::System(_) => 1.into(),
        }
    }
}

fn main() -> ExitCode {
    // The signer compiles in children of this binary.
    if let Some(code) = extensions_registry_signer::run_compile_child_if_asked() {
        return code;
    }
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Some(Command::Signer { new_key: Some(file), .. }) = &arguments.command {
        return tasks::new_key(file);
    }
    let settings = arguments.settings()?;
    match arguments.command {
        // Whoever serves the API has no access to the signer's key.
        Some(Command::Signer { .. }) if arguments.check => return Ok(check_signer(&settings)?),
        _ if arguments.check => return checked(settings),
        _ => {}
    }
    let _log = start_logging(settings.log.format, settings.log.filter.as_deref())?;
    let runtime = Runtime::new()?;
    let complete = match arguments.command {
        Some(Command::Signer { once, .. }) => runtime.block_on(tasks::signer(&settings, once))?,
        Some(Command::Upkeep(task)) => runtime.block_on(tasks::run(&settings, task))?,
        None => runtime.block_on(serve(&settings)).map(|()| true)?,
    };
    if complete { Ok(()) } else { Err(Failure::Gaps) }
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
    let sees_certificates = settings.listen.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    settings.identity.check(sees_certificates).map_err(StartError::Identity)?;
    Ok(())
}

/// The failure and its causes, for whoever started the program; the log may not have begun.
fn say(failure: &Failure) {
    #[allow(clippy::print_stderr, reason = "standard error is where a program says why it ends")]
    {
        eprintln!("extensions-registry: {}", with_causes(failure));
    }
}
