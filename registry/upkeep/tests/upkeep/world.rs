//! A registry's stores with something in them: `prod` has a store of its own.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use extensions_artifact::{
    Key, Owned, Prefix, Store, digest,
    testing::{Faults, in_memory},
};
use extensions_registry_core::{
    About, Action, Actor, Authority, Built, Caller, Command, Draft, Policy, Role,
    control::{ControlAction, ControlCommand},
};
use extensions_registry_ledger::{Clock, Ledger, LedgerError, Outcome, Stores};
use extensions_registry_upkeep::{Erasure, GcReport, RetentionSettings, Upkeep, UpkeepError, UpkeepSettings, unwatched};
use extensions_types::{
    Abi, ActorType, Build, CallLabel, ControlSource, EntryDocument, Environment, Evidence, ExtensionId, Kind, Manifest, Origin, RiskTier, SchemaV1,
    Schemas, SwitchTarget, TenantId, TestCounts, Version, VersionDocument,
};
use futures_util::TryStreamExt as _;

pub(crate) fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

pub(crate) fn of(path: &str) -> Owned {
    let (tenant, extension) = path.split_once('/').unwrap();
    Owned::new(tenant.parse().unwrap(), ExtensionId::parse(extension).unwrap())
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

pub(crate) fn actor() -> Actor {
    Actor { iss: "idp".into(), sub: label("rita"), actor_type: ActorType::User, act: Vec::new() }
}

fn person(tenant: &TenantId) -> Caller {
    let roles = [Role::Author, Role::Reviewer, Role::Releaser].into();
    Caller { actor: actor(), authority: Authority::Tenant { tenant: tenant.clone(), roles } }
}

/// Keeps nothing longer than it must.
pub(crate) fn strict() -> UpkeepSettings {
    let retention = RetentionSettings { drafts: 1, draft_days: 0, retired_days: 0, source_versions: 1, source_days: 0, log_days: 0 };
    UpkeepSettings { concurrency: 4, gc_min_age_hours: 0, code_unused_days: 30, settle_seconds: 0, retention }
}

/// One registry over its stores.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) upkeep: Upkeep,
}

impl World {
    pub(crate) fn over(stores: Stores) -> Self {
        let ledger = Ledger::new(stores, Policy::default(), Clock::system());
        Self { upkeep: Upkeep::new(ledger.clone(), strict()), ledger }
    }

    pub(crate) fn in_memory() -> Self {
        Self::over(Stores::single(in_memory()).with(Environment::Prod, in_memory()))
    }

    /// Another registry on the same stores.
    pub(crate) fn again(&self) -> Self {
        Self::over(self.ledger.stores().clone())
    }

    /// Another registry on the same stores, with faults between.
    pub(crate) fn through(&self, faults: &Faults) -> Self {
        let through = |store: &Store| store.through(|backend| faults.over(backend));
        let stores = self.ledger.stores();
        let all = Environment::ALL.iter().fold(Stores::single(through(stores.registry())), |all, &env| all.with(env, through(stores.env(env))));
        Self::over(all)
    }

    pub(crate) fn registry(&self) -> &Store {
        self.ledger.stores().registry()
    }

    pub(crate) fn prod(&self) -> &Store {
        self.ledger.stores().env(Environment::Prod)
    }

    pub(crate) async fn run(&self, of: &Owned, action: Action) -> Result<Outcome, LedgerError> {
        self.run_as(of, &person(&of.tenant), action).await
    }

    pub(crate) async fn run_as(&self, of: &Owned, caller: &Caller, action: Action) -> Result<Outcome, LedgerError> {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let id = label(&format!("key-{}", KEYS.fetch_add(1, Ordering::Relaxed)));
        let command = Command { id, expected_seq: None, why: String::new(), from: None, action };
        self.ledger.run(of, &command, caller).await
    }

    /// A draft with its source.
    pub(crate) async fn draft(&self, of: &Owned, text: &str) -> Result<Version, LedgerError> {
        let source = Bytes::from(format!("source of {of}: {text}"));
        let about =
            About { kind: Kind::DomainHook, risk_tier: RiskTier::Low, description: String::new(), tags: Vec::new(), answers_for: Default::default() };
        let draft = Draft { origin: Origin::Source, source_sha256: digest(&source), source_bytes: source.len() as u64, about };
        let version = self.run(of, Action::CreateVersion(draft)).await?.version.unwrap();
        self.ledger.put_source(of, version, source).await?;
        Ok(version)
    }

    /// A built version whose component says `text`.
    pub(crate) async fn build(&self, of: &Owned, text: &str) -> Result<Version, LedgerError> {
        let version = self.draft(of, text).await?;
        let attempt = 1;
        self.run(of, Action::RequestCompile { version }).await?;
        let component = Bytes::from(format!("component of {of}: {text}"));
        let made = document(of, version, &component);
        let stored = self.ledger.put_built(of, version, component, &made).await?;
        let built = Built {
            attempt,
            definition_sha256: stored.definition_sha256,
            component_sha256: stored.component_sha256,
            component_bytes: stored.component_bytes,
            tests: TestCounts { passed: 1, failed: 0 },
            toolchain: "rustc".into(),
            waivers: Vec::new(),
        };
        let report = Action::ReportBuilt { version, kind: Kind::DomainHook, risk_tier: RiskTier::Low, built };
        self.run_as(of, &Caller::registry(label("compiler")), report).await?;
        Ok(version)
    }

    /// Promotes up to `env`.
    pub(crate) async fn promote(&self, of: &Owned, version: Version, env: Environment) -> Result<(), LedgerError> {
        for &at in Environment::ALL.iter().filter(|&&at| at <= env) {
            self.run(of, Action::Promote { version, env: at }).await?;
        }
        Ok(())
    }

    /// A version, built and served up to `env`.
    pub(crate) async fn serve(&self, of: &Owned, text: &str, env: Environment) -> Version {
        let version = self.build(of, text).await.unwrap();
        self.promote(of, version, env).await.unwrap();
        version
    }

    pub(crate) async fn switch_off(&self, env: Environment, tenant: &TenantId) {
        let target = SwitchTarget::Tenant { tenant: tenant.clone() };
        let action = ControlAction::force_off(target, ControlSource::Operator);
        let command = ControlCommand { id: label("off"), expected_seq: None, why: "a drill".into(), from: None, action };
        let caller = Caller { actor: actor(), authority: Authority::Operator };
        self.ledger.change_control(env, &command, &caller).await.unwrap();
    }

    pub(crate) async fn entry(&self, of: &Owned, env: Environment) -> Option<EntryDocument> {
        self.ledger.entry(of, env).await.unwrap()
    }

    /// Whether every component that an entry lists lies where it says, as it says.
    pub(crate) async fn assert_served(&self, of: &Owned, env: Environment) {
        let entry = self.entry(of, env).await.unwrap_or_else(|| panic!("{env} serves {of}"));
        assert!(entry.versions.contains_key(&entry.current));
        for (version, listed) in &entry.versions {
            let key = Key::parse(&listed.blob.key).unwrap();
            let object = self
                .ledger
                .stores()
                .env(env)
                .get(&key)
                .await
                .unwrap()
                .unwrap_or_else(|| panic!("{env} lists {version} of {of}, but `{key}` is gone"));
            assert_eq!(digest(&object.bytes).to_string(), listed.blob.sha256.to_string(), "{key}");
        }
    }

    pub(crate) async fn erase(&self, name: &str) -> Result<extensions_registry_upkeep::ErasureReport, UpkeepError> {
        let erasure = Erasure { tenant: tenant(name), by: actor(), why: "they left".into(), dry_run: false };
        self.upkeep.erase(&erasure, &[], &unwatched).await
    }

    pub(crate) async fn gc(&self) -> Result<GcReport, UpkeepError> {
        let plan = self.upkeep.gc_plan(&unwatched).await?;
        self.upkeep.gc_apply(&plan, &unwatched).await
    }

    /// All stores' truth: what must be the same whichever way it was reached.
    pub(crate) async fn truth(&self) -> BTreeMap<String, String> {
        truth(self.registry()).await
    }
}

/// Every object that is neither derived nor upkeep's own, with its digest.
pub(crate) async fn truth(store: &Store) -> BTreeMap<String, String> {
    let is_truth = |key: &Key| {
        matches!(
            key,
            Key::Event { .. } | Key::ControlEvent { .. } | Key::Component { .. } | Key::Definition { .. } | Key::Source { .. } | Key::Erased { .. }
        )
    };
    let mut all = BTreeMap::new();
    for path in paths(store, &Prefix::All).await {
        let key = Key::parse(&path).unwrap();
        if is_truth(&key) {
            let object = store.get(&key).await.unwrap().unwrap();
            all.insert(path, digest(&object.bytes).to_string());
        }
    }
    all
}

pub(crate) async fn paths(store: &Store, prefix: &Prefix) -> Vec<String> {
    let rows: Vec<_> = store.list(prefix, None).try_collect().await.unwrap();
    rows.into_iter().map(|row| row.key.path()).collect()
}

fn document(of: &Owned, version: Version, component: &Bytes) -> VersionDocument {
    let manifest = format!("id = \"{}\"\nkind = \"domain_hook\"\nlang = \"rust\"", of.extension);
    let component_sha256 = digest(component);
    let build = Build {
        tenant: of.tenant.clone(),
        abi: Abi::Component,
        version,
        digest: component_sha256.to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "rita".into(),
    };
    let evidence = Evidence {
        origin: Origin::Source,
        source_sha256: component_sha256,
        component_sha256,
        component_bytes: component.len() as u64,
        toolchain: "rustc".into(),
        imports: Vec::new(),
        tests: TestCounts { passed: 1, failed: 0 },
        at_ms: 1,
        elapsed_ms: 1,
        waivers: Vec::new(),
        build: None,
    };
    VersionDocument { schema: SchemaV1, definition: Manifest::parse(&manifest).unwrap().define(build), evidence }
}
