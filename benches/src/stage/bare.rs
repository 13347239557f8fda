//! An engine without a host around it, and calls without transport.

use std::{path::Path, sync::Arc, time::Instant};

use bytes::Bytes;
use extensions_aot::{Cache, Compiler};
use extensions_engine::{Call, DenyAll, Engine, Extension, Settings, Unobserved};
use extensions_engine_config::{MemoryReset, Profile};
use extensions_fair::Nobody;
use extensions_host::THIS_BINARY;
use extensions_modules::Modules;
use extensions_types::{ActorType, CallLabel, Environment, ExecutionContext, RiskTier, TenantId};
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

use super::guests::Guest;

/// Calls of the slow lane at once, where a scenario asks for no more.
const SLOW_CALLS_MAX: usize = 8;

/// An engine, and what loads versions into it.
#[derive(Debug)]
pub(crate) struct Bare {
    pub(crate) engine: Arc<Engine>,
    profile: Profile,
    home: TempDir,
    background: Runtime,
}

impl Bare {
    /// With the settings that hosts have, but for so many threads that call it.
    pub(crate) fn start(memory_reset: MemoryReset, io_threads: usize) -> anyhow::Result<Self> {
        Self::with(Settings { memory_reset, io_threads, slow_calls_max: SLOW_CALLS_MAX, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> anyhow::Result<Self> {
        let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let engine = Arc::new(Engine::start(settings)?);
        Ok(Self { engine, profile: settings.profile, home: tempfile::tempdir()?, background })
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.background.block_on(work)
    }

    /// Where loads run.
    pub(crate) fn handle(&self) -> &Handle {
        self.background.handle()
    }

    /// Versions as `tenant`'s own, ready to be called.
    pub(crate) fn load(&self, guest: &Guest, tenant: &str) -> anyhow::Result<Arc<Extension>> {
        let version = Arc::new(guest.of(&TenantId::parse(tenant)?)?);
        Ok(self.background.block_on(self.modules()?.get(&version, None))?)
    }

    /// A module cache that has never seen a version; code on disk stays.
    pub(crate) fn modules(&self) -> anyhow::Result<Arc<Modules>> {
        Ok(Arc::new(self.modules_in(self.home.path())?))
    }

    /// The same, with its code in another folder.
    pub(crate) fn modules_in(&self, home: &Path) -> anyhow::Result<Modules> {
        let cache = Cache::open(&home.join("aot"), *self.engine.compatibility())?;
        let compiler = Compiler::new(THIS_BINARY.into(), self.profile);
        Ok(Modules::new(Arc::clone(&self.engine), cache, compiler, self.handle().clone()))
    }
}

/// A call that nobody pays for and nobody sees end.
pub(crate) fn call(context: &Arc<ExecutionContext>, input: impl Into<Bytes>) -> Call {
    Call {
        context: Arc::clone(context),
        input: input.into(),
        accepted: Instant::now(),
        deadline: None,
        host_calls: Arc::new(DenyAll),
        payer: Arc::new(Nobody),
        observer: Arc::new(Unobserved),
    }
}

/// A user of `tenant`, before an order is created.
pub(crate) fn context(tenant: &str) -> Arc<ExecutionContext> {
    let label = |text| CallLabel::parse(text).expect("a constant of the grammar");
    Arc::new(ExecutionContext {
        tenant: TenantId::parse(tenant).expect("a name of the grammar"),
        org: None,
        user: label("u-1"),
        actor_type: ActorType::User,
        session: None,
        correlation: label("0190-bench"),
        env: Environment::Dev,
        risk_ceiling: RiskTier::Medium,
        caller: label("bench"),
        hook_point: Some(label("BeforeCreateOrder")),
    })
}
