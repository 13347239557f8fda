//! The fleet, with versions that differ in code and data, and with machine code
//! of each stored before it is promoted to prod.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use extensions_artifact::{Key, Prefix, S3Settings, Store};
use extensions_client::{
    Endpoint,
    registry::{Change, RegistryClient},
};
use extensions_test_fleet::{Fleet, Plan, announce::Announced, walk::Ext};
use extensions_test_support::Guest;
use extensions_types::{Environment, ExtensionId, Kind, SwitchTarget, TenantId, Version};
use futures_util::TryStreamExt as _;
use tokio::runtime::Handle;

use super::{
    super::catalog::get,
    EVERY, Scale,
    changes::{Reached, reach, refused, served},
    replaced::Replaced,
};
use crate::{
    load::{Load, OpenLoop, Target, frame},
    stage::ORDER,
};

/// The extension that is called.
const RULE: &str = "rule";

const TENANT: &str = "acme";
/// Functions of each guest: some tens of KiB of machine code.
const FUNCTIONS: u32 = 200;
/// A compile takes tenths of a second; the machine may be busy.
const SIGNED_MAX: Duration = Duration::from_secs(60);
/// Each host's share of the calls in flight that saturate.
const SATURATING: (usize, usize) = (32, 2);

/// Everything that is measured here.
pub(super) struct Stage {
    fleet: Fleet,
    registry: RegistryClient,
    operator: RegistryClient,
    hosts: Vec<SocketAddr>,
    token: String,
    rule: ExtensionId,
    tenant: TenantId,
    /// The version that prod serves.
    current: u64,
    _announced: Announced,
    home: tempfile::TempDir,
}

impl Stage {
    /// Starts the fleet and brings `versions` versions to staging.
    pub(super) fn set(runtime: &Handle, versions: usize) -> anyhow::Result<Self> {
        let programs = std::env::current_exe()?.parent().context("a program lies in a folder")?.to_path_buf();
        let home = tempfile::tempdir()?;
        let plan = Plan {
            toolchains: None,
            hosts: vec![Environment::Prod, Environment::Prod],
            ..Plan::whole(programs.clone(), home.path().join("fleet"), PathBuf::new())
        };
        let fleet = Fleet::start(&plan, &mut |_| ())?;
        let (rule, tenant) = (ExtensionId::parse(RULE)?, TenantId::parse(TENANT)?);
        let ext_home = home.path().join("ext");
        let announced = Announced::new(&fleet, &ext_home, &tenant)?;
        let token = fleet.people.developer(&tenant);
        let endpoint: Endpoint = fleet.registry_url.parse()?;
        let _entered = runtime.enter();
        let registry = RegistryClient::builder().token(&token).connect_registry(&endpoint)?;
        let operator = RegistryClient::builder().token(fleet.people.operator()).connect_registry(&endpoint)?;
        let address = |url: &str| url.trim_start_matches("http://").parse::<SocketAddr>();
        let hosts = fleet.hosts.iter().map(|host| address(&host.url)).collect::<Result<_, _>>()?;
        let stage = Self { fleet, registry, operator, hosts, token, rule, tenant, current: 0, _announced: announced, home };
        let ext = Ext::new(&programs, &ext_home);
        let store = stage.store()?;
        for number in 1..=versions {
            let digest = push(&ext, stage.home.path(), u32::try_from(number)?)?;
            runtime.block_on(stage.prepare(&store, u64::try_from(number)?, &digest)).with_context(|| format!("version {number}"))?;
        }
        Ok(stage)
    }

    fn store(&self) -> anyhow::Result<Store> {
        let bucket = &self.fleet.prod_bucket;
        Ok(Store::s3(&S3Settings::at(&bucket.endpoint, &bucket.name, &bucket.access_key, &bucket.secret_key))?)
    }

    /// To dev, until its machine code is stored where prod's hosts read; then to staging.
    async fn prepare(&self, store: &Store, number: u64, digest: &str) -> anyhow::Result<()> {
        self.promote(number, Environment::Dev).await?;
        let started = Instant::now();
        while !is_stored(store, digest).await? {
            ensure!(started.elapsed() < SIGNED_MAX, "its machine code is not stored {SIGNED_MAX:?} after its promotion to dev");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.promote(number, Environment::Staging).await
    }

    async fn promote(&self, number: u64, env: Environment) -> anyhow::Result<()> {
        let version = Version::new(number).context("versions begin at 1")?;
        self.registry.promote(&Change::of(&self.rule), version, env).await?;
        Ok(())
    }

    /// The first version, which hosts have never heard of.
    pub(super) async fn promote_first(&mut self) -> anyhow::Result<()> {
        self.promotions(1).await.map(drop)
    }

    /// So many promotions to prod, one after the other.
    pub(super) async fn promotions(&mut self, count: usize) -> anyhow::Result<Vec<Reached>> {
        let mut all = Vec::new();
        for _ in 0..count {
            let next = self.current + 1;
            all.push(reach(&self.hosts, &self.token, served, next, self.promote(next, Environment::Prod)).await?);
            self.current = next;
        }
        Ok(all)
    }

    /// The rule is switched off and on again, so many times.
    pub(super) async fn switches(&self, count: usize) -> anyhow::Result<Vec<Reached>> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(reach(&self.hosts, &self.token, refused, 0, self.switch(true)).await?);
            reach(&self.hosts, &self.token, served, self.current, self.switch(false)).await?;
        }
        Ok(all)
    }

    async fn switch(&self, off: bool) -> anyhow::Result<()> {
        let target = SwitchTarget::Extension { tenant: self.tenant.clone(), extension: self.rule.clone() };
        self.operator.switch(Environment::Prod, &target, off, "bench", None).await?;
        Ok(())
    }

    /// The rate of both hosts together, with 64 calls in flight.
    pub(super) async fn saturated_rate(&self, length: Duration) -> anyhow::Result<f64> {
        let (in_flight, connections) = SATURATING;
        let tokens: Arc<[String]> = [self.token.clone()].into();
        let load = |address: SocketAddr| Load {
            endpoint: address.into(),
            extension: RULE,
            input: ORDER.into(),
            connections,
            in_flight,
            tokens: Arc::clone(&tokens),
        };
        let both = futures_util::future::try_join_all(self.hosts.iter().map(|host| load(*host).grpc(length))).await?;
        Ok(both.iter().map(|sample| sample.rate).sum())
    }

    pub(super) fn open_loop(&self, rate: f64, scale: Scale) -> OpenLoop {
        let target = |host: &SocketAddr| Target { host: *host, token: self.token.clone(), frame: rule_frame() };
        OpenLoop::new(self.hosts.iter().map(target).collect(), rate).windows(scale.window)
    }

    /// A promotion each second; gives how many began later than theirs.
    pub(super) async fn promote_every_second(&mut self, count: usize, replaced: &Replaced) -> anyhow::Result<usize> {
        let (mut ticks, mut late) = (tokio::time::interval(EVERY), 0);
        for _ in 0..count {
            let due = ticks.tick().await;
            late += usize::from(due.elapsed() > EVERY / 10);
            self.promote(self.current + 1, Environment::Prod).await?;
            replaced.note(self.current);
            self.current += 1;
        }
        Ok(late)
    }

    /// Loads from shared machine code so far, of all hosts.
    pub(super) fn mapped(&self) -> anyhow::Result<u64> {
        let (mut sum, operator) = (0, self.fleet.people.operator());
        for host in &self.fleet.hosts {
            let (_, metrics) = get(host.admin_url.trim_start_matches("http://").parse()?, "/metrics", Some(&operator))?;
            // Before the first such load there is no line.
            let line = metrics.lines().find_map(|line| line.strip_prefix(LOADS_SHARED)).unwrap_or("0");
            sum += line.trim().parse::<u64>()?;
        }
        Ok(sum)
    }

    pub(super) fn take_redis_away(&mut self) {
        if let Some(redis) = &self.fleet.redis {
            redis.stop();
        }
    }

    pub(super) fn end(self) {
        self.fleet.stop();
    }
}

/// A call of the rule.
pub(super) fn rule_frame() -> bytes::Bytes {
    frame(RULE, ORDER)
}

/// A host's counter of versions that were loaded from code that a signer stored.
const LOADS_SHARED: &str = "extensions_codes_loaded_total{source=\"shared\"}";

async fn is_stored(store: &Store, digest: &str) -> anyhow::Result<bool> {
    let rows: Vec<_> = store.list(&Prefix::Precompiled, None).try_collect().await?;
    Ok(rows.iter().any(|row| matches!(&row.key, Key::Precompiled { component, .. } if component.to_string() == digest)))
}

/// Pushes version `number`; gives its digest.
fn push(ext: &Ext, home: &Path, number: u32) -> anyhow::Result<String> {
    let folder = home.join(format!("rule-{number}"));
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("extension.toml"), format!("id = \"{RULE}\"\nkind = \"process_hook\"\nlang = \"rust\"\n"))?;
    let file = folder.join("rule.wasm");
    std::fs::write(&file, guest(number).component())?;
    let file = file.to_string_lossy();
    let pushed = ext.done(&["push", file.as_ref()])?.json()?;
    Ok(pushed["digest"].as_str().context("a push tells its digest")?.to_owned())
}

/// Every function has a constant of its own, and so has the answer.
fn guest(number: u32) -> Guest {
    let functions: String = (0..FUNCTIONS)
        .map(|at| {
            let constant = number * FUNCTIONS + at;
            format!("(func $f{at} (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const {constant})) (i32.rotl (local.get 0) (i32.const {at}))))")
        })
        .collect();
    let body = format!("(i32.store (i32.const 256) (call $f0 (i32.const {number}))) (call $ok (call $answer))");
    Guest::new(Kind::ProcessHook, &body).fields(&functions).text("answer", format!("{{\"rule\":{number}}}"))
}
