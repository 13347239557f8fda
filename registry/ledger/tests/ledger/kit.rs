//! Stores, ledgers and callers for tests. Prod lies in a store of its own.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use extensions_artifact::{
    Owned, Prefix, Store, Timing, digest, document,
    testing::{Faults, in_memory},
};
use extensions_registry_core::{
    About, Action, Actor, Authority, Built, Caller, Command, Draft, Policy, Role,
    control::{ControlAction, ControlCommand},
};
use extensions_registry_ledger::{Clock, Ledger, LedgerError, Outcome, Stores};
use extensions_types::{
    Abi, ActorType, Build as Making, CallLabel, ControlSource, Environment, Evidence, ExtensionId, Kind, Manifest, Origin, RiskTier, SchemaV1,
    Schemas, SwitchTarget, TenantId, TestCounts, Version, VersionDocument,
};
use futures_util::TryStreamExt as _;

pub(crate) fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

pub(crate) fn tenant(text: &str) -> TenantId {
    TenantId::parse(text).unwrap()
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

pub(crate) fn owned(extension: &str) -> Owned {
    Owned::new(tenant("acme"), ExtensionId::parse(extension).unwrap())
}

/// Somebody of the tenant with every role.
pub(crate) fn person(sub: &str) -> Caller {
    let roles: BTreeSet<_> = [Role::Author, Role::Reviewer, Role::Releaser].into();
    let actor = Actor { iss: "idp".into(), sub: label(sub), actor_type: ActorType::User, act: Vec::new() };
    Caller { actor, authority: Authority::Tenant { tenant: tenant("acme"), roles } }
}

pub(crate) fn operator() -> Caller {
    let actor = Actor { iss: "platform".into(), sub: label("olga"), actor_type: ActorType::User, act: Vec::new() };
    Caller { actor, authority: Authority::Operator }
}

pub(crate) fn registry() -> Caller {
    Caller::registry(label("worker"))
}

pub(crate) fn command(id: &str, action: Action) -> Command {
    Command { id: label(id), expected_seq: None, why: "because".into(), from: None, action }
}

pub(crate) fn off(id: &str) -> ControlCommand {
    let action = ControlAction::force_off(SwitchTarget::Kind { kind: Kind::AgentTool }, ControlSource::Operator);
    Command { id: label(id), expected_seq: None, why: "drill".into(), from: None, action }
}

pub(crate) fn bundle(tag: &str) -> Bytes {
    Bytes::from(format!("source of {tag}"))
}

/// A component: other bytes for each version.
pub(crate) fn component(version: Version) -> Bytes {
    Bytes::from(format!("component of version {version} {}", "x".repeat(4_000)))
}

pub(crate) fn draft(tier: RiskTier, tag: &str) -> Action {
    let about =
        About { kind: Kind::DomainHook, risk_tier: tier, description: "Checks orders.".into(), tags: vec![], answers_for: Default::default() };
    let bundle = bundle(tag);
    Action::CreateVersion(Draft { origin: Origin::Source, source_sha256: digest(&bundle), source_bytes: bundle.len() as u64, about })
}

pub(crate) fn described(of: &Owned, version: Version, tier: RiskTier) -> VersionDocument {
    let manifest = format!("id = \"{}\"\nkind = \"domain_hook\"\nlang = \"rust\"\nrisk_tier = \"{tier}\"", of.extension);
    let component = component(version);
    let making = Making {
        tenant: of.tenant.clone(),
        abi: Abi::Component,
        version,
        digest: digest(&component).to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "ann".into(),
    };
    let evidence = Evidence {
        origin: Origin::Source,
        source_sha256: digest(&bundle("any")),
        component_sha256: digest(&component),
        component_bytes: component.len() as u64,
        toolchain: "rustc 1.95.0".into(),
        imports: Vec::new(),
        tests: TestCounts { passed: 4, failed: 0 },
        at_ms: 1_790_000_000_000,
        elapsed_ms: 900,
        waivers: Vec::new(),
        build: None,
    };
    VersionDocument { schema: SchemaV1, definition: Manifest::parse(&manifest).unwrap().define(making), evidence }
}

/// What a build of `version` gave, as `put_built` stores it.
pub(crate) fn built(of: &Owned, version: Version, tier: RiskTier, attempt: u32) -> Action {
    let made = document::encode(&described(of, version, tier)).unwrap();
    let component = component(version);
    let built = Built {
        attempt,
        definition_sha256: digest(&made),
        component_sha256: digest(&component),
        component_bytes: component.len() as u64,
        tests: TestCounts { passed: 4, failed: 0 },
        toolchain: "rustc 1.95.0".into(),
        waivers: Vec::new(),
    };
    Action::ReportBuilt { version, kind: Kind::DomainHook, risk_tier: tier, built }
}

/// One try of each request, so that the ledger itself meets every fault.
pub(crate) fn one_try() -> Timing {
    Timing { try_timeout: Duration::from_secs(5), tries: 1, pause: Duration::from_millis(50) }
}

/// Two stores, without faults: the registry's own, and prod's.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) own: Store,
    pub(crate) prod: Store,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { own: in_memory(), prod: in_memory() }
    }

    pub(crate) fn over(own: Store, prod: Store) -> Self {
        Self { own, prod }
    }

    pub(crate) fn stores(&self) -> Stores {
        Stores::single(self.own.clone()).with(Environment::Prod, self.prod.clone())
    }

    pub(crate) fn ledger(&self) -> Ledger {
        ledger(self.stores())
    }

    /// A ledger that works through `faults`.
    pub(crate) fn faulty(&self, faults: &Faults, timing: Timing) -> Ledger {
        let through = |store: &Store| store.through(|backend| faults.over(backend)).with_timing(timing);
        ledger(Stores::single(through(&self.own)).with(Environment::Prod, through(&self.prod)))
    }

    /// Another world with the same objects.
    pub(crate) async fn copy(&self) -> Self {
        let copy = Self::new();
        self.copy_to(&copy).await;
        copy
    }

    /// Puts all objects into another world.
    pub(crate) async fn copy_to(&self, copy: &Self) {
        for (from, to) in [(&self.own, &copy.own), (&self.prod, &copy.prod)] {
            let rows: Vec<_> = from.list(&Prefix::All, None).try_collect().await.unwrap();
            for row in rows {
                to.put(&row.key, from.get(&row.key).await.unwrap().unwrap().bytes).await.unwrap();
            }
        }
    }

    /// Stores in two folders.
    pub(crate) fn on_disk(folder: &Path) -> Self {
        Self { own: Store::local(&folder.join("own")).unwrap(), prod: Store::local(&folder.join("prod")).unwrap() }
    }

    /// Paths and contents of everything but markers, which say only where to look.
    pub(crate) async fn contents(&self) -> Vec<(String, Bytes)> {
        let mut contents = Vec::new();
        for store in [&self.own, &self.prod] {
            let rows: Vec<_> = store.list(&Prefix::All, None).try_collect().await.unwrap();
            for row in rows {
                if !row.key.path().starts_with("_pending/") && !row.key.path().starts_with("_compile/") {
                    contents.push((row.key.path(), store.get(&row.key).await.unwrap().unwrap().bytes));
                }
            }
        }
        contents
    }
}

pub(crate) fn ledger(stores: Stores) -> Ledger {
    let ticks = Arc::new(std::sync::atomic::AtomicU64::new(1_790_000_000_000));
    Ledger::new(stores, Policy::default(), Clock::from_fn(move || ticks.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed)))
}

/// Runs commands that must go, each under a key of its own.
pub(crate) struct Driver {
    pub(crate) ledger: Ledger,
    pub(crate) of: Owned,
    keys: u64,
}

impl Driver {
    pub(crate) fn new(ledger: Ledger, of: Owned) -> Self {
        Self { ledger, of, keys: 0 }
    }

    pub(crate) async fn tell(&mut self, caller: &Caller, action: Action) -> Result<Outcome, LedgerError> {
        self.keys += 1;
        self.ledger.run(&self.of, &command(&format!("setup-{}", self.keys), action), caller).await
    }

    pub(crate) async fn must(&mut self, caller: &Caller, action: Action) -> Outcome {
        self.tell(caller, action.clone()).await.unwrap_or_else(|error| panic!("{action:?}: {error}"))
    }

    /// A draft with its source.
    pub(crate) async fn create(&mut self, tier: RiskTier) -> Version {
        let tag = format!("draft {}", self.keys);
        let version = self.must(&person("ann"), draft(tier, &tag)).await.version.unwrap();
        self.ledger.put_source(&self.of, version, bundle(&tag)).await.unwrap();
        version
    }

    /// A built version.
    pub(crate) async fn build(&mut self, tier: RiskTier) -> Version {
        let version = self.create(tier).await;
        self.must(&person("ann"), Action::RequestCompile { version }).await;
        let made = described(&self.of, version, tier);
        self.ledger.put_built(&self.of, version, component(version), &made).await.unwrap();
        let report = built(&self.of, version, tier, 1);
        self.must(&registry(), report).await;
        version
    }

    /// Promotes through every environment up to `env`; tier low needs no approval.
    pub(crate) async fn release(&mut self, version: Version, env: Environment) {
        for &at in Environment::ALL.iter().filter(|&&at| at <= env) {
            self.must(&person("rita"), Action::Promote { version, env: at }).await;
        }
    }
}
