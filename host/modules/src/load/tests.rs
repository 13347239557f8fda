//! Where code comes from, with a real engine, a store in memory, and a compile
//! child that cannot compile: what needs it is seen by its failure.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use extensions_aot::{
    keys::{PublicKeys, SigningKey},
    signed::seal,
};
use extensions_artifact::{
    Key, Store,
    testing::{Fault, Faults, in_memory},
};
use extensions_catalog::Urgency;
use extensions_engine::Settings;
use extensions_engine_config::{Bounds, CompatibilityHash, MemoryReset, Profile, compile_engine};
use extensions_types::{Abi, Build, ExtensionDefinition, Kind, Manifest, Schemas, TenantId, Version};

use super::*;
use crate::capacity::Capacity;

/// The smallest component there is: a preamble.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const NO_COMPILER: &str = "/bin/false";

/// How often somebody was told what a child used.
#[derive(Debug, Default)]
struct Bill(AtomicUsize);

impl Payer for Bill {
    fn compiled(&self, definition: &ExtensionDefinition, _: Duration) {
        assert_eq!(definition.tenant_id.as_str(), "acme");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Scene {
    loader: Arc<Loader>,
    bill: Arc<Bill>,
    store: Store,
    key: SigningKey,
    trusted: Arc<Mutex<Arc<PublicKeys>>>,
    engine: CompatibilityHash,
    _home: tempfile::TempDir,
}

fn scene(store: Store) -> Scene {
    let settings = Settings {
        profile: Profile::default(),
        memory_reset: MemoryReset::Keep,
        io_threads: 1,
        slow_calls_max: 1,
        slow_memory_bytes_max: 64 << 20,
        ..Settings::default()
    };
    let engine = Arc::new(Engine::start(settings).unwrap());
    let home = tempfile::tempdir().unwrap();
    let key = SigningKey::generate().unwrap();
    let trusted = Arc::new(Mutex::new(Arc::new(PublicKeys::from(key.public()))));
    let keys = Arc::clone(&trusted);
    let bill = Arc::<Bill>::default();
    let compatibility = *engine.compatibility();
    let loader = Loader {
        cache: Arc::new(Cache::open(&home.path().join("aot"), compatibility).unwrap()),
        engine,
        shared: Some(Arc::new(SharedCode::new(store.clone(), move || Arc::clone(&keys.lock().unwrap())))),
        compiler: Compiler::new(NO_COMPILER.into(), Profile::default()),
        gates: Gates::default(),
        shelf: Arc::new(Shelf::new(Capacity::here())),
        payer: Arc::clone(&bill) as _,
        metrics: Metrics::default(),
    };
    Scene { loader: Arc::new(loader), bill, store, key, trusted, engine: compatibility, _home: home }
}

impl Scene {
    fn what(&self) -> CodeFor {
        CodeFor { engine: self.engine, component: digest(COMPONENT) }
    }

    async fn put(&self, object: Vec<u8>) {
        let key = Key::Precompiled { compat: Sha256::new(*self.engine.as_bytes()), component: digest(COMPONENT) };
        self.store.put(&key, object.into()).await.unwrap();
    }

    async fn map(&self) -> Result<Mapped, NotLoaded> {
        self.loader.map(&version(), &Need::new(Urgency::Called), |_, _, mapped| Ok(mapped.clone())).await
    }
}

fn code() -> Vec<u8> {
    compile_engine(Profile::default()).unwrap().precompile_component(COMPONENT).unwrap()
}

fn version() -> Arc<ServedVersion> {
    let manifest = Manifest::parse("id = \"x\"\nkind = \"process_hook\"\nlang = \"rust\"\n").unwrap();
    assert_eq!(manifest.kind, Kind::ProcessHook);
    let build = Build {
        tenant: TenantId::parse("acme").unwrap(),
        abi: Abi::Component,
        version: Version::FIRST,
        digest: digest(COMPONENT).to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "test".to_owned(),
    };
    Arc::new(ServedVersion::new(manifest.define(build), Bytes::from_static(COMPONENT)))
}

#[tokio::test]
async fn shared_code_is_mapped_and_kept() {
    let scene = scene(in_memory());
    scene.put(seal(&scene.key, scene.what(), code(), Start::default())).await;
    scene.map().await.unwrap();
    assert_eq!(scene.loader.metrics.seen(Source::Shared), 1);
    // From here on it is this host's own: neither the store nor the key is asked again.
    *scene.trusted.lock().unwrap() = Arc::default();
    scene.put(b"replaced".to_vec()).await;
    scene.map().await.unwrap();
    assert_eq!(scene.loader.metrics.seen(Source::Cache), 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_it_this_host_compiles() {
    let scene = scene(in_memory());
    let whole = seal(&scene.key, scene.what(), code(), Start::default());
    let hardened = CompatibilityHash::of(&compile_engine(Profile { bounds: Bounds::Hardened }).unwrap());
    let flipped = |at: usize| {
        let mut object = whole.clone();
        object[at] ^= 1;
        object
    };
    let bad = [
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("cut", Vec::new()),
        ("damaged", flipped(0)),
        ("damaged", flipped(whole.len() - 20)),
        ("foreign_key", seal(&SigningKey::generate().unwrap(), scene.what(), code(), Start::default())),
        ("other_engine", seal(&scene.key, CodeFor { engine: hardened, ..scene.what() }, code(), Start::default())),
        ("other_component", seal(&scene.key, CodeFor { component: digest(b"x"), ..scene.what() }, code(), Start::default())),
    ];
    for (word, object) in bad {
        let before = scene.loader.metrics.unused(word);
        scene.put(object).await;
        // The child of this scene compiles nothing: that it was asked is what counts.
        assert!(scene.map().await.is_err(), "{word}");
        assert_eq!(scene.loader.metrics.unused(word), before + 1, "{word}");
    }
    assert_eq!(scene.loader.metrics.seen(Source::Shared), 0);
    scene.put(whole).await;
    scene.map().await.unwrap();
}

#[tokio::test]
async fn no_code_and_no_store_are_no_obstacle() {
    let empty = scene(in_memory());
    assert!(empty.map().await.is_err());
    assert_eq!(empty.loader.metrics.unused("missing"), 1);
    assert_eq!(empty.bill.0.load(Ordering::Relaxed), 1, "a child that compiles nothing is paid for, too");
    let faults = Faults::default();
    let broken = scene(in_memory().through(|backend| faults.over(backend)));
    (1..=3).for_each(|request| faults.at(request, Fault::Refused));
    assert!(broken.map().await.is_err());
    assert_eq!(broken.loader.metrics.unused("unavailable"), 1);
}

#[tokio::test]
async fn keys_are_asked_for_each_time() {
    let scene = scene(in_memory());
    let next = SigningKey::generate().unwrap();
    scene.put(seal(&next, scene.what(), code(), Start::default())).await;
    assert!(scene.map().await.is_err());
    assert_eq!(scene.loader.metrics.unused("foreign_key"), 1);
    *scene.trusted.lock().unwrap() = Arc::new(next.public().into());
    scene.map().await.unwrap();
}

#[tokio::test]
async fn code_is_shared_while_somebody_uses_it_and_read_again_afterwards() {
    let scene = scene(in_memory());
    scene.put(seal(&scene.key, scene.what(), code(), Start::default())).await;
    let mapped = scene.map().await.unwrap();
    let again = scene.map().await.unwrap();
    assert_eq!(scene.loader.metrics.seen(Source::Cache), 0, "what is mapped is not mapped again");
    drop((mapped, again));
    scene.map().await.unwrap();
    assert_eq!(scene.loader.metrics.seen(Source::Cache), 1);
}
