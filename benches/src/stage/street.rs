//! A host that listens nowhere, with many tenants of one extension each.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use bytes::Bytes;
use extensions_admission::{Asked, AskedContext, Request};
use extensions_catalog::{Catalogs, ServedVersion};
use extensions_engine::{Engine, Extension};
use extensions_engine_config::MemoryReset;
use extensions_host::{Host, Prepared, THIS_BINARY};
use extensions_identity::{Audience, Channel, Claims, DevKey, Principal, Scope};
use extensions_types::{
    ActorType, CallLabel, ControlScope, ControlSource, ControlState, Environment, ExecutionContext, ExtensionId, Provenance, Quota, QuotaLimits,
    TenantId,
};
use tokio::runtime::Runtime;

use super::{
    bare::context,
    guests::Guest,
    platform::{ISSUER, host_settings},
    ruled::Ruled,
};

/// One of many.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) context: Arc<ExecutionContext>,
    principal: Arc<Principal>,
    version: Arc<ServedVersion>,
    extension: Option<Arc<Extension>>,
}

/// The host and its tenants.
pub(crate) struct Street {
    pub(crate) tenants: Vec<Tenant>,
    /// What each of them calls.
    pub(crate) extension: ExtensionId,
    host: Prepared,
    /// Calls are made on its one thread.
    caller: Runtime,
    _background: Runtime,
    _home: tempfile::TempDir,
}

/// Every quota there is, none of which is ever used up.
pub(crate) fn limits() -> QuotaLimits {
    let most = Some(QuotaLimits::VALUE_MAX);
    QuotaLimits { concurrency: most, rate_per_s: most, burst: most, cpu_ms_per_s: most, memory_mb: most, log_kb_per_s: most }
}

impl Street {
    /// Nothing is loaded yet.
    pub(crate) fn open(memory_reset: MemoryReset, tenants: usize, guest: &Guest) -> anyhow::Result<Self> {
        let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let caller = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (home, key) = (tempfile::tempdir()?, DevKey::generate()?);
        let settings = host_settings(home.path(), memory_reset, &key)?;
        let id = |at: usize| TenantId::parse(&format!("tenant-{at}"));
        let versions: Vec<_> = (0..tenants).map(|at| anyhow::Ok(Arc::new(guest.of(&id(at)?)?))).collect::<Result<_, _>>()?;
        let catalog = Ruled::new(versions.iter().cloned(), control()?);
        let host = Host::prepare(&settings, Catalogs::of(settings.env, Arc::new(catalog)), background.handle().clone(), Path::new(THIS_BINARY))?;
        let tenants = versions.into_iter().map(|version| {
            let id = version.definition.tenant_id.clone();
            let token = token(&key, &id)?;
            let channel = Channel::new(Instant::now());
            let verified = caller.block_on(host.admission().authenticate(&channel, Some(&token)));
            let principal = verified.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            anyhow::Ok(Tenant { context: context(id.as_str()), id, principal, version, extension: None })
        });
        let extension = ExtensionId::parse(guest.id)?;
        Ok(Self { tenants: tenants.collect::<Result<_, _>>()?, extension, host, caller, _background: background, _home: home })
    }

    /// Loads the versions of the first `count` tenants.
    pub(crate) fn load(&mut self, count: usize) -> anyhow::Result<()> {
        for at in 0..count {
            let loaded = self.caller.block_on(self.host.modules().get(&self.tenants[at].version, None))?;
            self.tenants[at].extension = Some(loaded);
        }
        Ok(())
    }

    /// Every version has been loaded once; those that a host holds at a time are held.
    pub(crate) fn pass_through_modules(&self) -> anyhow::Result<()> {
        self.caller.block_on(async {
            for tenant in &self.tenants {
                self.host.modules().get(&tenant.version, None).await?;
            }
            Ok(())
        })
    }

    /// Each of these tenants calls once.
    pub(crate) fn visit(&self, tenants: impl IntoIterator<Item = usize>, input: &'static str) -> anyhow::Result<()> {
        self.caller.block_on(async {
            for at in tenants {
                self.invoke(at, self.request(input)).await?;
            }
            Ok(())
        })
    }

    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.caller.block_on(work)
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        self.host.engine()
    }

    pub(crate) fn extension(&self, at: usize) -> anyhow::Result<&Arc<Extension>> {
        self.tenants[at].extension.as_ref().context("its version was not loaded")
    }

    /// As a transport makes it of the tenant's own service.
    pub(crate) fn request(&self, input: impl Into<Bytes>) -> Request<'_> {
        let context = AskedContext { hook_point: "BeforeCreateOrder", ..AskedContext::default() };
        Request {
            asked: Asked { extension_id: self.extension.as_str(), version: "", context, accepted: Instant::now(), timeout: None },
            input: input.into(),
        }
    }

    pub(crate) async fn invoke(&self, at: usize, request: Request<'_>) -> anyhow::Result<()> {
        let answer = self.host.admission().invoke(&self.tenants[at].principal, request).await;
        answer.map_err(|refusal| anyhow::anyhow!("a call was refused: {refusal:?}"))?.result?;
        Ok(())
    }
}

/// Quotas for every tenant of the environment.
fn control() -> anyhow::Result<ControlState> {
    let set = Provenance::new(ControlSource::Operator, "bench", 1, 0);
    Ok(ControlState { quotas: vec![Quota { target: ControlScope::Environment, limits: limits(), set }], ..ControlState::new(Environment::Dev) })
}

fn token(key: &DevKey, tenant: &TenantId) -> anyhow::Result<String> {
    let expires = SystemTime::now() + Duration::from_secs(24 * 3_600);
    let claims = Claims::new(ISSUER, &CallLabel::parse("orders-service")?, Audience::Runtime, ActorType::System, expires);
    Ok(key.sign(&claims.tenant(tenant).scopes(&[Scope::Invoke])))
}
