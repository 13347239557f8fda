//! A running host, what it serves, and ways to call it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use extensions_aot::digest;
use extensions_catalog::{Overlay, ServedVersion};
use extensions_client::{Client, Endpoint, HttpClient};
use extensions_engine::Engine;
use extensions_front::Drained;
use extensions_host::Host;
use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_modules::NotLoaded;
use extensions_types::{
    Abi, ActorType, Build, CallLabel, ControlScope, ControlSource, ControlState, Environment, ExtensionId, Kind, Manifest, Provenance, Quota,
    QuotaLimits, Schemas, TenantId, Version,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Request, event, ruled::Ruled, start::ISSUER};

const TOKEN_LIFE: Duration = Duration::from_secs(3_600);

/// A host on free ports. Dropping it cuts its calls and ends its threads.
#[derive(Debug)]
pub struct Platform {
    host: Option<Host>,
    overlay: Arc<Overlay>,
    ruled: Arc<Ruled>,
    serving: Mutex<()>,
    key: DevKey,
    background: Option<Runtime>,
    home: Arc<TempDir>,
}

/// What is served, and under which contract.
struct Serving<'s> {
    abi: Abi,
    kind: Kind,
    manifest: &'s str,
    component: Vec<u8>,
    digest: String,
}

impl Platform {
    pub(crate) fn new(host: Host, overlay: Arc<Overlay>, ruled: Arc<Ruled>, key: DevKey, background: Runtime, home: Arc<TempDir>) -> Self {
        Self { host: Some(host), overlay, ruled, serving: Mutex::new(()), key, background: Some(background), home }
    }

    fn host(&self) -> &Host {
        self.host.as_ref().unwrap()
    }

    /// Serves `component` as the next version of `id`; it is compiled when it is first called.
    /// `manifest` holds more keys of extension.toml: `[limits]` and so on.
    ///
    /// # Panics
    /// When the manifest is refused.
    pub fn serve(&self, tenant: &TenantId, id: &str, kind: Kind, manifest: &str, component: Vec<u8>) -> Arc<ServedVersion> {
        let digest = digest(&component).to_string();
        self.serve_as(tenant, id, kind, manifest, component, digest)
    }

    /// Serves a component of world `plain` as `kind`.
    ///
    /// # Panics
    /// When the manifest is refused.
    pub fn serve_plain(&self, tenant: &TenantId, id: &str, kind: Kind, manifest: &str, component: Vec<u8>) -> Arc<ServedVersion> {
        let digest = digest(&component).to_string();
        let served = Serving { abi: Abi::Plain, kind, manifest, component, digest };
        self.put(tenant, id, served)
    }

    /// The same under a digest that may be another's.
    ///
    /// # Panics
    /// When the manifest is refused.
    pub fn serve_as(&self, tenant: &TenantId, id: &str, kind: Kind, manifest: &str, component: Vec<u8>, digest: String) -> Arc<ServedVersion> {
        self.put(tenant, id, Serving { abi: Abi::Component, kind, manifest, component, digest })
    }

    fn put(&self, tenant: &TenantId, id: &str, serving: Serving<'_>) -> Arc<ServedVersion> {
        let Serving { abi, kind, manifest, component, digest } = serving;
        let manifest = Manifest::parse(&format!("id = \"{id}\"\nkind = \"{kind}\"\nlang = \"rust\"\n{manifest}")).unwrap();
        let _one_at_a_time = self.serving.lock().unwrap();
        let served = self.overlay.of(tenant, &ExtensionId::parse(id).unwrap());
        let version = served.map_or(Version::FIRST, |entry| entry.current.next());
        let build = Build { tenant: tenant.clone(), abi, version, digest, schemas: Schemas::default(), tool: None, created_by: "test".to_owned() };
        let served = Arc::new(ServedVersion::new(manifest.define(build), Bytes::from(component)));
        self.overlay.put(Arc::clone(&served));
        served
    }

    /// Compiles and loads what [`serve`](Self::serve) gave, before it is called.
    ///
    /// # Errors
    /// When it cannot be served.
    pub async fn load(&self, served: &Arc<ServedVersion>) -> Result<(), NotLoaded> {
        event(async {
            loop {
                match self.host().modules().get(served, None).await {
                    // A host stops waiting before a crowded machine has compiled.
                    Err(NotLoaded::Loading) => {}
                    loaded => return loaded.map(|_| ()),
                }
            }
        })
        .await
    }

    /// Claims of `subject` for an hour, about no tenant and without rights.
    ///
    /// # Panics
    /// When `subject` is no label.
    #[must_use]
    pub fn claims(&self, subject: &str) -> Claims {
        let subject = CallLabel::parse(subject).unwrap();
        Claims::new(ISSUER, &subject, Audience::Runtime, ActorType::User, SystemTime::now() + TOKEN_LIFE)
    }

    /// A token that this host believes.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        self.key.sign(claims)
    }

    /// The id of the key that signs.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.key.kid()
    }

    /// A token of user `ada`, who may invoke and read logs in `tenant`.
    #[must_use]
    pub fn token(&self, tenant: &TenantId) -> String {
        self.sign(&self.claims("ada").tenant(tenant).scopes(&[Scope::Invoke]).roles(&[Role::Viewer]))
    }

    /// The TCP address.
    #[must_use]
    pub fn tcp(&self) -> Endpoint {
        format!("http://{}", self.host().addresses().tcp.unwrap()).parse().unwrap()
    }

    /// The Unix socket.
    #[must_use]
    pub fn unix(&self) -> Endpoint {
        Endpoint::Unix(self.host().addresses().unix.clone().unwrap())
    }

    /// The address for metrics and admin.
    #[must_use]
    pub fn admin(&self) -> Endpoint {
        format!("http://{}", self.host().addresses().admin.unwrap()).parse().unwrap()
    }

    /// A gRPC client of user `ada` in `tenant`; within a runtime.
    #[must_use]
    pub fn client(&self, tenant: &TenantId) -> Client {
        Client::builder().token(self.token(tenant)).connect(&self.tcp()).unwrap()
    }

    /// The same over HTTP.
    #[must_use]
    pub fn http(&self, tenant: &TenantId) -> HttpClient {
        HttpClient::builder().token(self.token(tenant)).connect_http(&self.tcp()).unwrap()
    }

    /// What control says from the next call on; nothing was set before.
    pub fn control(&self, state: ControlState) {
        self.ruled.set(state);
    }

    /// One quota is all that control says from the next call on.
    pub fn quota(&self, target: ControlScope, limits: QuotaLimits) {
        let set = Provenance::new(ControlSource::Operator, "", 1, 0);
        self.control(ControlState { quotas: vec![Quota { target, limits, set }], ..ControlState::new(Environment::Dev) });
    }

    /// The engine, for what only it knows.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        self.host().engine()
    }

    /// The host's folder, for a later host.
    #[must_use]
    pub fn home(&self) -> Arc<TempDir> {
        Arc::clone(&self.home)
    }

    /// What a scraper reads.
    pub async fn metrics(&self) -> String {
        Request::get("/metrics").send(&self.admin()).await.text()
    }

    /// Ended invocations of `kind` with `outcome`, as the metrics count them.
    pub async fn ended(&self, kind: Kind, outcome: &str) -> u64 {
        let name = format!("extensions_invocations_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} ");
        let metrics = self.metrics().await;
        metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
    }

    /// Lets calls in flight end, then ends.
    ///
    /// # Panics
    /// Never: the host is there until then.
    pub async fn drain(mut self) -> Drained {
        self.host.take().unwrap().drain().await
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        drop(self.host.take());
        if let Some(background) = self.background.take() {
            // A test's own runtime may be around: nothing here may wait.
            background.shutdown_background();
        }
    }
}
