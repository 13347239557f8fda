//! `extensions-runtime`: the host of one environment.
//!
//! Settings, log, store, host, catalog; then serve until a signal, drain, end.

mod arguments;
mod background;
mod fleet;
mod shares;

use std::{process::ExitCode, sync::Arc};

use clap::Parser as _;
use extensions_artifact::Store;
use extensions_catalog::Catalogs;
use extensions_coordination::{Coordination, Leases};
use extensions_host::{Host, HostSettings, SettingsError, StartError, Stop, THIS_BINARY, start_logging};
use extensions_store_catalog::{OpenError, StoreCatalog};
use extensions_types::with_causes;
use tokio::runtime::Handle;

use crate::{
    arguments::Arguments,
    fleet::{Fleet, Member},
    shares::Shares,
};

/// Why the program ends otherwise than asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The operator must change something.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The store's section cannot work.
    #[error(transparent)]
    Store(#[from] extensions_artifact::SettingsError),
    /// The catalog cannot be opened.
    #[error(transparent)]
    Catalog(#[from] OpenError),
    /// The section `[redis]` cannot work.
    #[error(transparent)]
    Redis(#[from] extensions_coordination::SettingsError),
    /// The host does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// This machine does not let it run.
    #[error("cannot run")]
    System(#[from] std::io::Error),
    /// Memory could leak between tenants.
    #[error("swap has appeared while memory is reset by scan; start again with engine.memory_reset = \"keep\"")]
    Swap,
}

impl Failure {
    /// 2 where settings must change, 1 where the machine stands in the way.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Store(_) | Self::Redis(_) | Self::Catalog(OpenError::Settings(_)) => 2.into(),
            Self::Start(StartError::Settings(_) | StartError::Identity(_)) => 2.into(),
            Self::Start(_) | Self::Catalog(OpenError::Copy(_)) | Self::System(_) | Self::Swap => 1.into(),
        }
    }
}

fn main() -> ExitCode {
    // This binary is its own compile child.
    if let Some(code) = extensions_aot::child::run_if_asked() {
        return code;
    }
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.settings()?;
    if arguments.check {
        return checked(&settings);
    }
    let _log = start_logging(settings.log.format, settings.log.filter.as_deref())?;
    background::runtime()?.block_on(serve(&settings))
}

async fn serve(settings: &HostSettings) -> Result<(), Failure> {
    let store = Store::open(store_settings(settings)?)?;
    let catalog = StoreCatalog::open(settings.env, store.clone(), settings.catalog.clone(), &settings.data_dir, Handle::current())?;
    let catalogs = Catalogs::of(settings.env, Arc::new(catalog.clone()));
    let coordination = settings.redis.as_ref().map(Coordination::open).transpose()?;
    let member = Member { id: settings.host.id(), env: settings.env, address: settings.host.address.clone() };
    let mut prepared = Host::prepare_beside(Some(store), settings, catalogs, Handle::current(), THIS_BINARY.as_ref())?;
    catalog.register(prepared.metrics());
    if let Some(coordination) = &coordination {
        coordination.show(prepared.metrics());
    }
    let shares = coordination.as_ref().map(|coordination| {
        let leases = Leases::of(coordination, settings.env, member.id.clone());
        leases.show(prepared.metrics());
        Shares::of(leases, settings.env, Arc::clone(prepared.quotas()))
    });
    let host = prepared.in_fleet(member.id.clone(), coordination.clone()).listen(None)?;
    let fleet = coordination.map(|coordination| Fleet::join(coordination, member.clone(), &catalog, host.view()));
    let following = catalog.follow(host.loads());
    let addresses = host.addresses();
    let show = |address: Option<std::net::SocketAddr>| address.map_or_else(String::new, |address| address.to_string());
    let unix = addresses.unix.as_ref().map_or_else(String::new, |path| path.display().to_string());
    tracing::info!(env = %settings.env, host = %member.id, address = show(addresses.tcp), admin = show(addresses.admin), unix, "listening");
    let stopped = Stop::wait(host.resets_by_scan()).await?;
    tracing::info!("stopping: calls in flight may end");
    let drained = host.drain().await;
    drop(following);
    if let Some(shares) = shares {
        shares.leave().await;
    }
    if let Some(fleet) = fleet {
        fleet.leave().await;
    }
    tracing::info!(finished = drained.finished, cut = drained.cut, "stopped");
    match stopped {
        Stop::Asked => Ok(()),
        Stop::Swap => Err(Failure::Swap),
    }
}

fn store_settings(settings: &HostSettings) -> Result<&extensions_artifact::StoreSettings, SettingsError> {
    settings
        .store
        .as_ref()
        .ok_or_else(|| SettingsError::Value("[store] is missing: say where the environment's entries lie, `dir` or `s3`".to_owned()))
}

/// `--check`: everything that can be known to be wrong without the network.
fn checked(settings: &HostSettings) -> Result<(), Failure> {
    settings.check()?;
    Store::open(store_settings(settings)?)?;
    settings.catalog.check().map_err(OpenError::from)?;
    Ok(())
}

/// The failure and its causes, for whoever started the program; the log may not have begun.
fn say(failure: &Failure) {
    #[allow(clippy::print_stderr, reason = "standard error is where a program says why it ends")]
    {
        eprintln!("extensions-runtime: {}", with_causes(failure));
    }
}
