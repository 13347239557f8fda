//! `extensions-compiler`: the compile worker as a program.
//!
//! Settings, log, isolation, prebuilt dependencies; then jobs until a signal, drain, end.

mod admin;
mod arguments;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser as _;
use extensions_compile_jobs::{EitherQueue, LEASE, Queue, StreamQueue};
use extensions_coordination::{CompileStream, Coordination};
use extensions_pipeline::{Tools, Workbench, WorkbenchError};
use extensions_sandbox::THIS_BINARY;
use extensions_service::{FollowedFiles, LogLines, SettingsError, start_logging, stop_asked};
use extensions_tls::ServerTls;
use extensions_toolchain::{Direct, Home};
use extensions_types::{Language, with_causes};
use extensions_worker::{Isolation, Metrics, NotARegistry, NotIsolated, Parts, Remote, Worker, WorkerSettings, warm};
use prometheus_client::registry::Registry;
use tokio::runtime::Builder;

use crate::arguments::Arguments;

/// Reports, probes, and the engine's loads; builds have threads of their own.
const BACKGROUND_THREADS: usize = 2;

/// Why the program ends otherwise than asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The operator must change something.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The registry's address is none.
    #[error(transparent)]
    Registry(#[from] NotARegistry),
    /// Builds cannot be isolated here.
    #[error(transparent)]
    Isolation(#[from] NotIsolated),
    /// The engine does not run here.
    #[error(transparent)]
    Workbench(#[from] WorkbenchError),
    /// No language can be built.
    #[error("there is no toolchain of any language; `EXT_HOME={0} ext toolchain install rust` installs one")]
    NoToolchain(String),
    /// This machine does not let it run.
    #[error("cannot run")]
    System(#[from] std::io::Error),
}

impl Failure {
    /// 2 where settings must change, 1 where the machine stands in the way.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Registry(_) => 2.into(),
            Self::Isolation(_) | Self::Workbench(_) | Self::NoToolchain(_) | Self::System(_) => 1.into(),
        }
    }
}

fn main() -> ExitCode {
    // This binary is its own compile child, and the sandbox's helper.
    if let Some(code) = extensions_aot::child::run_if_asked().or_else(extensions_sandbox::child_main) {
        return code;
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure);
            failure.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.settings()?;
    let registry = &settings.registry;
    let tls = registry.open_tls()?;
    let admin_tls = settings.admin.open_tls()?;
    let remote = || Remote::new(&registry.url, &registry.token_file, tls.as_ref(), settings.name());
    if arguments.check {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { remote() })?;
        Isolation::of_this_kernel(THIS_BINARY)?;
        return Ok(());
    }
    let _log = start_logging(settings.log.format, settings.log.filter.as_deref())?;
    let runtime = Builder::new_multi_thread().worker_threads(BACKGROUND_THREADS).enable_all().build()?;
    let ended = runtime.block_on(async { serve(&settings, remote()?, admin_tls).await });
    // A build that outlived the drain ends with the process.
    runtime.shutdown_background();
    ended
}

async fn serve(settings: &WorkerSettings, remote: Remote, admin_tls: Option<ServerTls>) -> Result<(), Failure> {
    // There is no worker without it.
    let isolation = Isolation::of_this_kernel(THIS_BINARY)?;
    tracing::info!(isolation = isolation.words(), "builds are isolated");
    let mut shown = Registry::with_prefix("extensions");
    shown.register_collector(Box::new(FollowedFiles));
    shown.register_collector(Box::new(LogLines));
    let metrics = Metrics::new(&mut shown);
    let remote = Arc::new(remote);
    let hints = Hints::open(settings, &remote, &mut shown)?;
    if let Some(address) = settings.admin.address {
        let address = admin::serve(address, admin_tls, shown, remote.contact()).await?;
        tracing::info!(%address, "admin listens");
    }
    let home = Home::at(&settings.worker.home);
    let workbench = Workbench::start(home.path(), THIS_BINARY.as_ref())?;
    warm_up(&home)?;
    let worker = Worker::start(Parts {
        name: settings.name(),
        queue: hints.queue,
        claims: remote,
        dir: home.path().join("worker"),
        home,
        sdks: &extensions_guest_sdks::SDKS,
        workbench,
        isolation,
        limits: settings.limits.of_build(),
        tests_within: settings.limits.of_tests(),
        slots: settings.worker.slots,
        results_bytes_max: settings.worker.results_mb << 20,
        metrics,
    })?;
    tracing::info!(registry = settings.registry.url, slots = settings.worker.slots, "taking jobs");
    stop_asked().await?;
    tracing::info!("stopping: jobs under way may end");
    let drained = worker.drain(Duration::from_millis(settings.worker.drain_timeout_ms)).await;
    if let Some(stream) = hints.stream {
        stream.leave().await;
    }
    tracing::info!(finished = drained.finished, given_back = drained.given_back, "stopped");
    Ok(())
}

/// Where hints come from.
struct Hints {
    queue: Arc<dyn Queue>,
    /// The fleet's stream, where there is one.
    stream: Option<StreamQueue>,
}

impl Hints {
    fn open(settings: &WorkerSettings, registry: &Arc<Remote>, shown: &mut Registry) -> Result<Self, SettingsError> {
        let Some(redis) = &settings.redis else {
            return Ok(Self { queue: Arc::clone(registry) as _, stream: None });
        };
        let coordination = Coordination::open(redis).map_err(|error| SettingsError::Value(with_causes(&error)))?;
        coordination.show(shown);
        let fleet = CompileStream::of(&coordination);
        fleet.show_reading(shown);
        let stream = StreamQueue::new(&fleet, &settings.worker.name, LEASE);
        let queue = EitherQueue::new(Arc::new(stream.clone()), Arc::clone(registry) as _);
        Ok(Self { queue: Arc::new(queue), stream: Some(stream) })
    }
}

/// Before the first job: it reads the registry only afterwards, so it is not ready until then.
fn warm_up(home: &Home) -> Result<(), Failure> {
    let tools = Tools { home: home.clone(), sdks: &extensions_guest_sdks::SDKS, runner: Arc::new(Direct) };
    let warmed = tokio::task::block_in_place(|| warm(&tools));
    if warmed.iter().all(|one| one.language == Language::Wasm) {
        return Err(Failure::NoToolchain(home.path().display().to_string()));
    }
    for one in warmed {
        let seconds = one.took.map_or(0.0, |took| took.as_secs_f64());
        tracing::info!(language = one.language.as_str(), toolchain = one.toolchain, seconds, "builds this language");
    }
    Ok(())
}

/// The failure and its causes, for whoever started the program; the log may not have begun.
fn say(failure: &Failure) {
    #[allow(clippy::print_stderr, reason = "standard error is where a program says why it ends")]
    {
        eprintln!("extensions-compiler: {}", with_causes(failure));
    }
}
