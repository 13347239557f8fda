//! A host as `ext dev` composes it, serving the guests to 100 tenants.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use extensions_aot::{Cache, Compiler};
use extensions_catalog::{Catalogs, Overlay};
use extensions_engine::{Engine, Extension};
use extensions_engine_config::Profile;
use extensions_host::{Host, HostSettings, THIS_BINARY};
use extensions_identity::{Audience, Claims, DevKey, IdentitySettings, IssuerSettings, Scope};
use extensions_modules::Modules;
use extensions_types::{ActorType, CallLabel, TenantId};
use tokio::runtime::{Handle, Runtime};

use crate::guest::Guests;

const ISSUER: &str = "bench";
const TENANTS: usize = 100;

/// A host on free ports, and tokens to call it with.
pub(crate) struct Platform {
    pub(crate) host: Option<Host>,
    pub(crate) tokens: Vec<String>,
    pub(crate) runtime: Runtime,
    _home: tempfile::TempDir,
}

impl Platform {
    pub(crate) fn start(guests: &Guests) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (home, key) = (tempfile::tempdir()?, DevKey::generate()?);
        let overlay = Arc::new(Overlay::default());
        let mut settings = HostSettings::parse(
            &format!(
                "env = \"dev\"\ndata_dir = {:?}\n[identity]\n[listen]\naddress = \"127.0.0.1:0\"\nunix = {:?}\n",
                home.path(),
                home.path().join("host.sock")
            ),
            [],
        )?;
        settings.identity =
            IdentitySettings { allow_development: true, ..IdentitySettings::new(vec![IssuerSettings::development(ISSUER, key.jwks())]) };
        let catalogs = Catalogs::of(settings.env, Arc::clone(&overlay) as _);
        let host = Host::start(&settings, catalogs, runtime.handle().clone(), Path::new(THIS_BINARY))?;
        let mut tokens = Vec::new();
        for at in 0..TENANTS {
            let tenant = TenantId::parse(&format!("tenant-{at}"))?;
            for version in [guests.discount(&tenant)?, guests.spinner(&tenant)?] {
                let version = Arc::new(version);
                runtime.block_on(host.modules().get(&version, None))?;
                overlay.put(version);
            }
            tokens.push(token(&key, &tenant)?);
        }
        Ok(Self { host: Some(host), tokens, runtime, _home: home })
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            self.runtime.block_on(host.drain());
        }
    }
}

fn token(key: &DevKey, tenant: &TenantId) -> anyhow::Result<String> {
    let expires = SystemTime::now() + Duration::from_secs(24 * 3_600);
    let claims = Claims::new(ISSUER, &CallLabel::parse("orders-service")?, Audience::Runtime, ActorType::System, expires);
    Ok(key.sign(&claims.tenant(tenant).scopes(&[Scope::Invoke])))
}

/// The discount guest in an engine without a host around it.
pub(crate) async fn load(engine: &Arc<Engine>, home: &Path, guests: &Guests) -> anyhow::Result<Arc<Extension>> {
    Ok(modules(engine, home)?.get(&Arc::new(guests.discount(&TenantId::parse("bench")?)?), None).await?)
}

pub(crate) fn modules(engine: &Arc<Engine>, home: &Path) -> anyhow::Result<Arc<Modules>> {
    let cache = Cache::open(&home.join("aot"), *engine.compatibility())?;
    Ok(Arc::new(Modules::new(Arc::clone(engine), cache, Compiler::new(THIS_BINARY.into(), Profile::default()), Handle::current())))
}
