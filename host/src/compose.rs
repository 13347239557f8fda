//! Puts a host together, from the engine outwards.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use extensions_admission::{Accounts, Admission, Compiles, GuestLogs, LocalSwitches, LocalSwitchesError, Parts};
use extensions_aot::{Cache, CacheError, Compiler};
use extensions_artifact::Store;
use extensions_breakers::Breakers;
use extensions_catalog::{Catalogs, Loads};
use extensions_coordination::{Coordination, HostId};
use extensions_engine::Engine;
use extensions_engine_config::MemoryReset;
use extensions_front::{Addresses, Drained, Front, FrontSettings, Mount, Stream};
use extensions_identity::Verifier;
use extensions_modules::{Modules, raise_descriptor_limit};
use extensions_quota::Quotas;
use extensions_service::{FollowedFiles, LogLines};
use extensions_types::Environment;
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

use crate::{
    HostSettings, HostView, SettingsError,
    lanes::Lanes,
    loads::Through,
    quota, ready,
    service::{About, Admitted},
};

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The identity section cannot work.
    #[error(transparent)]
    Identity(#[from] extensions_identity::SettingsError),
    /// The metrics section cannot work.
    #[error(transparent)]
    Metrics(#[from] extensions_admission::MetricsSettingsError),
    /// The engine does not run on this machine.
    #[error(transparent)]
    Engine(#[from] extensions_engine::StartError),
    /// The code cache cannot be used.
    #[error("the code cache cannot be used")]
    Cache(#[from] CacheError),
    /// The host's own switches of before cannot be had.
    #[error(transparent)]
    LocalSwitches(#[from] LocalSwitchesError),
    /// A port is taken, or a listener's setting cannot work.
    #[error(transparent)]
    Front(#[from] extensions_front::StartError),
}

/// The running binary; the link stays right when its file is replaced.
pub const THIS_BINARY: &str = "/proc/self/exe";

/// A host whose settings work and whose engine runs, but that listens nowhere yet.
#[derive(Debug)]
pub struct Prepared {
    admission: Admission,
    engine: Arc<Engine>,
    modules: Arc<Modules>,
    env: Environment,
    quotas: Arc<Quotas>,
    about: About,
    metrics: Registry,
    front: FrontSettings,
    drain_timeout: Duration,
}

/// A running host.
#[derive(Debug)]
pub struct Host {
    front: Front,
    engine: Arc<Engine>,
    modules: Arc<Modules>,
    env: Environment,
    drain_timeout: Duration,
}

impl Prepared {
    /// What transports hand their requests to: for programs that measure a host without any.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// As [`Host::modules`].
    #[must_use]
    pub fn modules(&self) -> &Arc<Modules> {
        &self.modules
    }

    /// As [`Host::loads`].
    #[must_use]
    pub fn loads(&self) -> Arc<dyn Loads> {
        Arc::new(Through { modules: Arc::clone(&self.modules), engine: Arc::clone(&self.engine), env: self.env })
    }

    /// As [`Host::engine`].
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What tenants use here, for whoever shares limits between hosts.
    #[must_use]
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    /// Where whatever else the program counts is registered.
    pub fn metrics(&mut self) -> &mut Registry {
        &mut self.metrics
    }

    /// Tells operators who ask this host what it is called in its fleet, and how it reaches it.
    #[must_use]
    pub fn in_fleet(mut self, id: HostId, coordination: Option<Coordination>) -> Self {
        self.about = About { host: Some(id), coordination, ..self.about };
        self
    }

    /// Binds the listeners and serves, with `mount` beside the host's own paths.
    ///
    /// # Errors
    /// When a port stands in the way.
    pub fn listen(self, mount: Option<Arc<dyn Mount>>) -> Result<Host, StartError> {
        let front = Front::start(
            &self.front,
            Arc::new(Admitted { admission: self.admission, about: self.about }),
            mount,
            Arc::new(Mutex::new(self.metrics)),
        )?;
        Ok(Host { front, engine: self.engine, modules: self.modules, env: self.env, drain_timeout: self.drain_timeout })
    }
}

impl Host {
    /// Checks everything, then binds the listeners and serves `catalogs`.
    /// Background work (loads) runs on `background`; `compile_child` is a binary
    /// that calls [`extensions_aot::child::run_if_asked`], as a rule [`THIS_BINARY`].
    ///
    /// # Errors
    /// When a setting, this machine or a port stands in the way.
    pub fn start(settings: &HostSettings, catalogs: Catalogs, background: Handle, compile_child: &Path) -> Result<Self, StartError> {
        Self::prepare(settings, catalogs, background, compile_child)?.listen(None)
    }

    /// The same without listening yet, for programs that have more to serve.
    ///
    /// # Errors
    /// When a setting or this machine stands in the way.
    pub fn prepare(settings: &HostSettings, catalogs: Catalogs, background: Handle, compile_child: &Path) -> Result<Prepared, StartError> {
        Self::prepare_beside(None, settings, catalogs, background, compile_child)
    }

    /// The same, with the environment's store for machine code that others signed.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_beside(
        store: Option<Store>,
        settings: &HostSettings,
        catalogs: Catalogs,
        background: Handle,
        compile_child: &Path,
    ) -> Result<Prepared, StartError> {
        let io_threads = settings.listen.io_threads();
        let engine_settings = settings.engine.resolve(io_threads)?;
        let verifier = Arc::new(Verifier::new(settings.identity.clone())?);
        let mut metrics = Registry::with_prefix("extensions");
        metrics.register_collector(Box::new(FollowedFiles));
        verifier.show(&mut metrics);
        metrics.register_collector(Box::new(LogLines));
        let guest_logs = Arc::new(GuestLogs::default());
        let accounts = Accounts::new(&mut metrics, Arc::clone(&guest_logs), &settings.metrics)?;
        let engine = Arc::new(Engine::start(engine_settings)?);
        raise_descriptor_limit();
        metrics.register_collector(Box::new(Lanes(Arc::clone(&engine))));
        ready::tend(&engine, &background);
        let cache = Cache::open(&settings.data_dir.join("aot"), *engine.compatibility())?;
        let compiler = Compiler::new(compile_child.to_owned(), engine_settings.profile);
        let mut modules = Modules::new(Arc::clone(&engine), cache, compiler, background.clone());
        if let Some(shared) = store.map_or(Ok(None), |store| settings.aot.shared(store))? {
            modules = modules.with_shared(shared);
        }
        let quotas = quota::quotas(settings.quota, &mut metrics, &background);
        let compiles = Compiles { catalogs: catalogs.clone(), quotas: Arc::clone(&quotas), accounts: Arc::clone(&accounts) };
        let modules = modules.with_payer(Arc::new(compiles));
        modules.register(&mut metrics);
        let modules = Arc::new(modules);
        let local = LocalSwitches::open(&settings.data_dir)?;
        let parts = Parts {
            verifier: Arc::clone(&verifier),
            catalogs,
            local,
            breakers: Arc::new(Breakers::new(settings.breaker)),
            quotas: Arc::clone(&quotas),
            modules: Arc::clone(&modules),
            engine: Arc::clone(&engine),
            accounts,
            guest_logs,
        };
        let admission = Admission::new(parts, &mut metrics);
        let front = front_settings(settings, io_threads)?;
        let about = About::of(&engine, verifier);
        Ok(Prepared { admission, engine, modules, env: settings.env, quotas, about, metrics, front, drain_timeout: settings.listen.drain_timeout() })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        self.front.addresses()
    }

    /// Serves a stream of this process as if it had been accepted, on one I/O thread (from 0 on);
    /// false where that has no room for it, or there is none.
    #[must_use]
    pub fn attach(&self, thread: usize, stream: Box<dyn Stream + Send + Unpin>) -> bool {
        self.front.attach(thread, stream)
    }

    /// The loaded versions, for whoever wants to warm one up before it serves.
    #[must_use]
    pub fn modules(&self) -> &Arc<Modules> {
        &self.modules
    }

    /// The same for catalogs, which load a new version before calls see it.
    #[must_use]
    pub fn loads(&self) -> Arc<dyn Loads> {
        Arc::new(Through { modules: Arc::clone(&self.modules), engine: Arc::clone(&self.engine), env: self.env })
    }

    /// The engine, for builds that test or describe an extension beside the host.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What its heartbeats say of it; valid while it drains, too.
    #[must_use]
    pub fn view(&self) -> HostView {
        HostView { front: self.front.handle(), modules: Arc::clone(&self.modules), engine: Arc::clone(&self.engine) }
    }

    /// Whether the host must watch for swap.
    #[must_use]
    pub fn resets_by_scan(&self) -> bool {
        self.engine.memory_reset() == MemoryReset::Scan
    }

    /// Says that it stops, lets calls in flight end, and ends.
    pub async fn drain(self) -> Drained {
        let handle = self.front.handle();
        handle.drain(self.drain_timeout);
        handle.drained().await
    }
}

fn front_settings(settings: &HostSettings, io_threads: usize) -> Result<FrontSettings, SettingsError> {
    let listen = &settings.listen;
    let tls = listen.open_tls()?;
    Ok(FrontSettings {
        listen: Some(listen.address),
        unix: listen.unix.clone(),
        admin_listen: listen.admin_address,
        tls: tls.main,
        admin_tls: tls.admin,
        merge_admin: listen.merge_admin,
        io_threads,
        connections_max: listen.connections_max,
        reflection: listen.reflection,
        timeouts: listen.timeouts.clone(),
        drain_notice: Duration::from_millis(listen.drain_notice_ms),
        ..FrontSettings::default()
    })
}
