//! A host as `ext dev` composes it, on free ports, with tokens of its tenants.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use extensions_catalog::{Catalogs, Overlay};
use extensions_engine_config::MemoryReset;
use extensions_host::{Host, HostSettings, Stream, THIS_BINARY};
use extensions_identity::{Audience, Claims, DevKey, IdentitySettings, IssuerSettings, Scope};
use extensions_types::{ActorType, CallLabel, TenantId};
use tokio::runtime::Runtime;

use super::guests::Guest;
use crate::harness::{CALLERS, mode_name};

/// Who signs the tokens.
pub(crate) const ISSUER: &str = "bench";

/// What a host serves, and how.
#[derive(Debug, Clone)]
pub(crate) struct Hosting {
    pub(crate) memory_reset: MemoryReset,
    /// Each of them has every guest.
    pub(crate) tenants: usize,
    pub(crate) guests: Vec<Guest>,
    /// Whether versions that fail often rest. Off where failures are the load.
    pub(crate) breakers: bool,
}

/// A host on free ports, and tokens to call it with.
pub(crate) struct Platform {
    host: Option<Host>,
    /// One for each tenant.
    pub(crate) tokens: Arc<[String]>,
    key: DevKey,
    runtime: Runtime,
    _home: tempfile::TempDir,
}

impl Platform {
    /// A hundred tenants, as §12 of the figures' rules asks for transports.
    pub(crate) fn of_hundred(memory_reset: MemoryReset, guests: Vec<Guest>) -> anyhow::Result<Self> {
        Self::start(&Hosting { memory_reset, tenants: 100, guests, breakers: true })
    }

    /// Every version is loaded before this returns.
    pub(crate) fn start(hosting: &Hosting) -> anyhow::Result<Self> {
        Self::start_with(hosting, |_| {})
    }

    /// With settings of its own besides.
    pub(crate) fn start_with(hosting: &Hosting, set: impl FnOnce(&mut HostSettings)) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (home, key) = (tempfile::tempdir()?, DevKey::generate()?);
        let overlay = Arc::new(Overlay::default());
        let mut settings = host_settings(home.path(), hosting.memory_reset, &key)?;
        settings.breaker.enabled = hosting.breakers;
        set(&mut settings);
        let catalogs = Catalogs::of(settings.env, Arc::clone(&overlay) as _);
        let host = Host::start(&settings, catalogs, runtime.handle().clone(), Path::new(THIS_BINARY))?;
        let mut platform = Self { host: None, tokens: Arc::default(), key, runtime, _home: home };
        let mut tokens = Vec::with_capacity(hosting.tenants);
        for at in 0..hosting.tenants {
            let tenant = TenantId::parse(&format!("tenant-{at}"))?;
            for guest in &hosting.guests {
                let version = Arc::new(guest.of(&tenant)?);
                platform.runtime.block_on(host.modules().get(&version, None))?;
                overlay.put(version);
            }
            tokens.push(platform.token(&tenant)?);
        }
        platform.tokens = tokens.into();
        platform.host = Some(host);
        Ok(platform)
    }

    /// Where it speaks gRPC and HTTP.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.host.as_ref().and_then(|host| host.addresses().tcp).context("the host does not listen")
    }

    /// Its other listener.
    pub(crate) fn socket(&self) -> anyhow::Result<PathBuf> {
        self.host.as_ref().and_then(|host| host.addresses().unix.clone()).context("the host has no Unix socket")
    }

    /// Serves a stream of this process on one of its I/O threads; false where that has no room for it.
    pub(crate) fn attach(&self, thread: usize, stream: Box<dyn Stream + Send + Unpin>) -> bool {
        self.host.as_ref().is_some_and(|host| host.attach(thread, stream))
    }

    /// A service of `tenant`, for a day.
    pub(crate) fn token(&self, tenant: &TenantId) -> anyhow::Result<String> {
        let expires = SystemTime::now() + Duration::from_secs(24 * 3_600);
        let claims = Claims::new(ISSUER, &CallLabel::parse("orders-service")?, Audience::Runtime, ActorType::System, expires);
        Ok(self.key.sign(&claims.tenant(tenant).scopes(&[Scope::Invoke])))
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            self.runtime.block_on(host.drain());
        }
    }
}

/// A host of dev, on free ports, that believes `key`.
pub(crate) fn host_settings(home: &Path, memory_reset: MemoryReset, key: &DevKey) -> anyhow::Result<HostSettings> {
    let mut settings = HostSettings::parse(
        &format!(
            "env = \"dev\"\ndata_dir = {home:?}\n[identity]\n[listen]\naddress = \"127.0.0.1:0\"\nunix = {:?}\ndrain_notice_ms = 0\n\
             [engine]\nmemory_reset = \"{}\"\n",
            home.join("host.sock"),
            mode_name(memory_reset)
        ),
        [],
    )?;
    settings.identity = IdentitySettings { allow_development: true, ..IdentitySettings::new(vec![IssuerSettings::development(ISSUER, key.jwks())]) };
    Ok(settings)
}

/// A runtime for clients, with a thread for each core.
pub(crate) fn multi_thread() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().thread_name(CALLERS).enable_all().build()?)
}
