//! A store in memory with faults between, documents written by hand, a scripted loader.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use extensions_artifact::{
    Backend, Operation, Owned, Store, digest, document,
    testing::{Call, Fault, Faults, Memory},
};
use extensions_catalog::{Catalog as _, DefinitionKey, Entry, Hook, Loads, Missing, NotServed, ServedVersion, Urgency, find, resolve};
use extensions_store_catalog::{CatalogSettings, Following, StoreCatalog};
use extensions_types::{
    BlobRef, Build, CallLabel, ControlSource, ControlState, EntryDocument, EntryVersion, Environment, ExtensionId, Manifest, Provenance, SchemaV1,
    Schemas, Switch, SwitchTarget, TenantId, Version, VersionSelector,
};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::{runtime::Handle, sync::Semaphore};

pub(crate) const ENV: Environment = Environment::Prod;
/// After this time every poll has been there once more.
pub(crate) const A_POLL: Duration = Duration::from_secs(6);

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

pub(crate) fn of(tenant: &str, extension: &str) -> Owned {
    Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse(extension).unwrap())
}

pub(crate) fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

/// An entry that serves `versions`, the last of them as `latest`.
pub(crate) fn entry(of: &Owned, seq: u64, versions: &[u64]) -> EntryDocument {
    entry_with(of, seq, versions, "")
}

/// The same with more keys of extension.toml.
pub(crate) fn entry_with(of: &Owned, seq: u64, versions: &[u64], manifest: &str) -> EntryDocument {
    let served = versions.iter().map(|&number| (version(number), entry_version(of, number, manifest)));
    EntryDocument {
        schema: SchemaV1,
        tenant: of.tenant.clone(),
        extension: of.extension.clone(),
        env: ENV,
        generation: 1,
        applied_seq: seq,
        enabled: true,
        current: version(*versions.last().unwrap()),
        caller_pins: [].into(),
        hook_pins: [].into(),
        last_good: None,
        versions: served.collect(),
    }
}

fn entry_version(of: &Owned, number: u64, manifest: &str) -> EntryVersion {
    let sha256 = digest(format!("{of}@{number}").as_bytes());
    let manifest = Manifest::parse(&format!("id = \"{}\"\nkind = \"domain_hook\"\nlang = \"rust\"\n{manifest}", of.extension)).unwrap();
    let definition = manifest.define(Build {
        tenant: of.tenant.clone(),
        abi: extensions_types::Abi::Component,
        version: version(number),
        digest: sha256.to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "test".to_owned(),
    });
    EntryVersion { definition, blob: BlobRef { key: of.component(version(number)).path(), sha256, bytes: 7 } }
}

/// Loads nothing: remembers what it was asked for, and can be held up or told to fail.
#[derive(Debug)]
pub(crate) struct Scripted {
    loaded: Mutex<HashSet<DefinitionKey>>,
    failing: Mutex<HashSet<Version>>,
    gate: Semaphore,
    asked: tokio::sync::watch::Sender<u64>,
}

impl Loads for Scripted {
    fn is_loaded(&self, version: &ServedVersion) -> bool {
        self.loaded.lock().unwrap().contains(&version.key())
    }

    fn load<'l>(&'l self, version: &'l Arc<ServedVersion>, _: Urgency) -> BoxFuture<'l, Result<(), String>> {
        Box::pin(async {
            self.asked.send_modify(|asked| *asked += 1);
            drop(self.gate.acquire().await.unwrap());
            if self.failing.lock().unwrap().contains(&version.definition.version) {
                return Err("scripted".to_owned());
            }
            self.loaded.lock().unwrap().insert(version.key());
            Ok(())
        })
    }
}

impl Scripted {
    /// As if a call had loaded it.
    pub(crate) fn loaded(&self, version: &ServedVersion) {
        self.loaded.lock().unwrap().insert(version.key());
    }

    pub(crate) fn fail(&self, number: u64, fails: bool) {
        let mut failing = self.failing.lock().unwrap();
        if fails {
            failing.insert(version(number))
        } else {
            failing.remove(&version(number))
        };
    }

    /// Loads wait from now on.
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    pub(crate) fn release(&self) {
        self.gate.add_permits(100);
    }

    /// Ready when a load has been asked for that many times.
    pub(crate) async fn asked(&self, times: u64) {
        self.asked.subscribe().wait_for(|asked| *asked >= times).await.unwrap();
    }

    pub(crate) fn times(&self) -> u64 {
        *self.asked.borrow()
    }
}

/// A store, and the disk of a host.
pub(crate) struct Scene {
    pub(crate) faults: Faults,
    memory: Arc<Memory>,
    store: Store,
    home: TempDir,
    pub(crate) loads: Arc<Scripted>,
}

/// A running catalog; stops following when dropped.
pub(crate) struct Running {
    pub(crate) catalog: StoreCatalog,
    _following: Following,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let loads =
            Scripted { loaded: Mutex::default(), failing: Mutex::default(), gate: Semaphore::new(100), asked: tokio::sync::watch::Sender::new(0) };
        let memory = Arc::<Memory>::default();
        Self {
            faults: Faults::default(),
            store: Store::over(Arc::clone(&memory) as _),
            memory,
            home: tempfile::tempdir().unwrap(),
            loads: Arc::new(loads),
        }
    }

    /// A host's catalog, in the folder of the one before.
    pub(crate) fn start(&self) -> Running {
        self.start_with(CatalogSettings::default())
    }

    pub(crate) fn start_with(&self, settings: CatalogSettings) -> Running {
        let store = self.store.through(|backend| self.faults.over(backend));
        let catalog = StoreCatalog::open(ENV, store, settings, self.home.path(), Handle::current()).unwrap();
        let following = catalog.follow(Arc::clone(&self.loads) as _);
        Running { catalog, _following: following }
    }

    /// A catalog with a folder of its own that has not begun to follow the store.
    pub(crate) fn unfollowed(&self) -> (StoreCatalog, TempDir) {
        let home = tempfile::tempdir().unwrap();
        let catalog = StoreCatalog::open(ENV, self.store.clone(), CatalogSettings::default(), home.path(), Handle::current()).unwrap();
        (catalog, home)
    }

    /// The same, ready to answer.
    pub(crate) async fn ready(&self) -> Running {
        let running = self.start();
        running.ready().await;
        running
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.memory) as _
    }

    /// The store without faults, as the registry writes it.
    pub(crate) fn writer(&self) -> Store {
        self.store.clone()
    }

    pub(crate) async fn put(&self, entry: &EntryDocument) {
        let key = Owned::new(entry.tenant.clone(), entry.extension.clone()).entry(ENV);
        self.writer().put(&key, document::encode(entry).unwrap()).await.unwrap();
    }

    pub(crate) async fn put_bytes(&self, of: &Owned, bytes: &[u8]) {
        self.writer().put(&of.entry(ENV), bytes.to_vec().into()).await.unwrap();
    }

    pub(crate) async fn put_control(&self, order: (u64, u64), targets: &[SwitchTarget]) {
        let switch = |target: &SwitchTarget| Switch::new(target.clone(), Provenance::new(ControlSource::Operator, "drill", 1, 0));
        let switches = targets.iter().map(switch).collect();
        let state = ControlState { generation: order.0, applied_seq: order.1, switches, ..ControlState::new(ENV) };
        let key = extensions_artifact::Key::ControlState { env: ENV };
        self.writer().put(&key, document::encode(&state).unwrap()).await.unwrap();
    }

    /// From now on the store does not answer at all.
    pub(crate) fn cut(&self) {
        self.faults.rule(|_| Some(Fault::Refused));
    }

    /// Calls of `operation` meet `fault`.
    pub(crate) fn meet(&self, operation: Operation, fault: Fault) {
        self.faults.rule(move |call: &Call| (call.operation == operation).then_some(fault));
    }

    /// How often an entry was read.
    pub(crate) fn reads(&self) -> usize {
        self.faults.calls().iter().filter(|call| call.operation == Operation::Get && call.path.contains("/entries/")).count()
    }

    pub(crate) fn home(self) -> TempDir {
        self.home
    }

    /// Another store, under the host that lived in `home`.
    pub(crate) fn at(self, home: TempDir) -> Self {
        Self { home, ..self }
    }

    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.home.path().join("catalog").join(ENV.as_str())
    }
}

impl Running {
    pub(crate) async fn ready(&self) {
        while !self.catalog.ready() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn find(&self, of: &Owned) -> Result<Arc<Entry>, Missing> {
        find(&self.catalog, &of.tenant, &of.extension, None).await
    }

    /// The version that a call gets, by number.
    pub(crate) async fn call(&self, of: &Owned, caller: &str, selector: &str) -> Result<u64, NotServed> {
        let entry = self.find(of).await.unwrap();
        let (caller, selector): (_, VersionSelector) = (label(caller), selector.parse().unwrap());
        resolve(&entry, selector, Hook { caller: &caller, point: None }).map(|served| served.definition.version.get())
    }

    /// The same for `latest`.
    pub(crate) async fn latest(&self, of: &Owned) -> u64 {
        self.call(of, "anyone", "latest").await.unwrap()
    }

    pub(crate) fn problem(&self, of: &Owned) -> Option<String> {
        let problems = self.catalog.status().problems;
        problems.into_iter().find(|problem| problem.tenant == of.tenant && problem.extension == of.extension).map(|problem| problem.problem)
    }
}

pub(crate) async fn a_poll() {
    tokio::time::sleep(A_POLL).await;
}
