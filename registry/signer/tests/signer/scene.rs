//! Two stores with entries in them, and signers over them.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use extensions_aot::{
    digest,
    keys::SigningKey,
    signed::{CodeFor, Unusable, open},
};
use extensions_artifact::{Key, Owned, Store, document};
use extensions_engine_config::{CompatibilityHash, Profile};
use extensions_registry_signer::{Metrics, Parts, Report, Signer, SignerSettings};
use extensions_types::{
    Abi, BlobRef, Build, EntryDocument, EntryVersion, Environment, ExtensionId, Manifest, SchemaV1, Schemas, Sha256, SignerAccount, TenantId, Version,
};

/// Longer than a loaded machine takes for some compiles.
const PATIENCE: Duration = Duration::from_secs(60);

/// Dev has a store of its own; staging and prod share the other.
pub(crate) struct Scene {
    pub(crate) dev: Store,
    pub(crate) prod: Store,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) profiles: Vec<String>,
    pub(crate) engine: CompatibilityHash,
}

/// A component unlike those of other numbers: a preamble and a custom section.
pub(crate) fn component(number: u8) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".as_slice(), &[0, 3, 1, b'n', number]].concat()
}

impl Scene {
    pub(crate) fn new(dev: Store, prod: Store) -> Self {
        Self {
            dev,
            prod,
            key: SigningKey::generate().unwrap().into(),
            profiles: vec!["guards".to_owned()],
            engine: CompatibilityHash::of_profile(Profile::default()).unwrap(),
        }
    }

    fn store(&self, env: Environment) -> &Store {
        if env == Environment::Dev { &self.dev } else { &self.prod }
    }

    /// Stores a component and an entry that serves it; where the component lies.
    pub(crate) async fn serve(&self, env: Environment, tenant: &str, number: u8, bytes: Vec<u8>) -> Key {
        let of = Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse(&format!("x{number}")).unwrap());
        let version = Version::new(number.into()).unwrap();
        let manifest = Manifest::parse(&format!("id = \"x{number}\"\nkind = \"process_hook\"\nlang = \"rust\"\n")).unwrap();
        let sha256 = digest(&bytes);
        let build = Build {
            tenant: of.tenant.clone(),
            abi: Abi::Component,
            version,
            digest: sha256.to_string(),
            schemas: Schemas::default(),
            tool: None,
            created_by: "test".to_owned(),
        };
        let blob = of.component(version);
        let listed = EntryVersion { definition: manifest.define(build), blob: BlobRef { key: blob.path(), sha256, bytes: bytes.len() as u64 } };
        let entry = EntryDocument {
            schema: SchemaV1,
            tenant: of.tenant.clone(),
            extension: of.extension.clone(),
            env,
            generation: 1,
            applied_seq: 1,
            enabled: true,
            current: version,
            caller_pins: Default::default(),
            hook_pins: Default::default(),
            last_good: None,
            versions: [(version, listed)].into(),
        };
        self.store(env).put(&blob, bytes.into()).await.unwrap();
        self.store(env).put(&of.entry(env), document::encode(&entry).unwrap()).await.unwrap();
        blob
    }

    pub(crate) fn signer(&self) -> Signer {
        self.signer_with(|_| ())
    }

    pub(crate) fn signer_with(&self, change: impl FnOnce(&mut SignerSettings)) -> Signer {
        let mut settings = SignerSettings { profiles: self.profiles.clone(), poll_ms: 100, ..SignerSettings::new(PathBuf::from("unread")) };
        change(&mut settings);
        let key = Arc::clone(&self.key);
        let stores = Environment::ALL.iter().map(|&env| (env, self.store(env).clone())).collect();
        let compile_child = env!("CARGO_BIN_EXE_signer-compile-child").into();
        Signer::new(Parts { stores, key: Box::new(move || Arc::clone(&key)), compile_child, settings, metrics: Metrics::default() }).unwrap()
    }

    pub(crate) async fn once(&self) -> Report {
        self.signer().once().await.unwrap()
    }

    pub(crate) fn key_of(&self, component: &[u8]) -> Key {
        Key::Precompiled { compat: Sha256::new(*self.engine.as_bytes()), component: digest(component) }
    }

    pub(crate) fn account_key(&self) -> Key {
        Key::Signer { compat: Sha256::new(*self.engine.as_bytes()) }
    }

    pub(crate) async fn account(&self, store: &Store) -> SignerAccount {
        document::decode(&store.get(&self.account_key()).await.unwrap().unwrap().bytes).unwrap()
    }

    /// Opens the code of a component as a host does.
    pub(crate) async fn opened(&self, store: &Store, component: &[u8]) -> Result<(), Unusable> {
        let Ok(Some(object)) = store.get(&self.key_of(component)).await else { return Err(Unusable::Cut) };
        let what = CodeFor { engine: self.engine, component: digest(component) };
        open(&object.bytes, what, &self.key.public().into()).map(drop)
    }

    pub(crate) async fn until<F: Future<Output = bool>>(&self, is_so: impl Fn() -> F) {
        let wait = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }
}
