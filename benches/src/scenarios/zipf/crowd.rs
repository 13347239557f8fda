//! A host whose one tenant has thousands of extensions, each a component of its own.

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use extensions_aot::{
    Cache, Start,
    keys::{PublicKeys, SigningKey},
    signed::{CodeFor, open, seal},
};
use extensions_catalog::{Catalogs, Component, NoComponent, Overlay, ServedVersion, StoredComponent};
use extensions_engine_config::{CompatibilityHash, MemoryReset, Profile};
use extensions_host::{Host, THIS_BINARY};
use extensions_identity::{Audience, Claims, DevKey, Scope};
use extensions_types::{Abi, ActorType, Build, CallLabel, Manifest, Schemas, Sha256, TenantId, Version};
use futures_util::future::BoxFuture;
use tokio::{runtime::Runtime, task::JoinSet};

use super::{distinct::Distinct, popularity::Popularity};
use crate::{
    harness::{Sample, latencies},
    load::{Line, frame},
    stage::{ISSUER, ORDER, host_settings},
};

const TENANT: &str = "crowd";
const IN_FLIGHT: usize = 16;

pub(super) struct Crowd<'d> {
    distinct: &'d Distinct,
    host: Option<Host>,
    overlay: Arc<Overlay>,
    /// The host's own, through which code gets onto its disk.
    cache: Cache,
    token: String,
    /// A request for each extension.
    frames: Mutex<Vec<Bytes>>,
    runtime: Runtime,
    _home: tempfile::TempDir,
}

/// Its code is on disk: nobody asks for the component.
#[derive(Debug)]
struct Elsewhere;

impl StoredComponent for Elsewhere {
    fn fetch(&self) -> BoxFuture<'_, Result<Bytes, NoComponent>> {
        Box::pin(std::future::ready(Err(NoComponent::Damaged("its code should have been on disk".to_owned()))))
    }
}

impl<'d> Crowd<'d> {
    pub(super) fn start(memory_reset: MemoryReset, distinct: &'d Distinct) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (home, key, overlay) = (tempfile::tempdir()?, DevKey::generate()?, Arc::new(Overlay::default()));
        let settings = host_settings(home.path(), memory_reset, &key)?;
        let cache = Cache::open(&home.path().join("aot"), CompatibilityHash::of_profile(Profile::default())?)?;
        let catalogs = Catalogs::of(settings.env, Arc::clone(&overlay) as _);
        let host = Host::start(&settings, catalogs, runtime.handle().clone(), Path::new(THIS_BINARY))?;
        let expires = SystemTime::now() + Duration::from_secs(24 * 3_600);
        let claims = Claims::new(ISSUER, &CallLabel::parse("orders-service")?, Audience::Runtime, ActorType::System, expires);
        let token = key.sign(&claims.tenant(&TenantId::parse(TENANT)?).scopes(&[Scope::Invoke]));
        Ok(Self { distinct, host: Some(host), overlay, cache, token, frames: Mutex::default(), runtime, _home: home })
    }

    /// Serves the extensions of these numbers; their code lies on disk, and nothing is loaded.
    pub(super) fn add(&self, numbers: Range<usize>) -> anyhow::Result<()> {
        let key = SigningKey::generate()?;
        let keys = PublicKeys::from(key.public());
        for number in numbers {
            let one = self.distinct.number(u32::try_from(number)?);
            let what = CodeFor { engine: self.cache.engine(), component: one.digest };
            // As a host takes over what a signer made: without waiting for the disk.
            let object = seal(&key, what, one.code, Start::of(&one.component));
            self.cache.adopt(one.digest, &open(&object, what, &keys)?)?;
            let id = format!("rule-{number}");
            self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame(&id, ORDER));
            self.overlay.put(Arc::new(version(&id, one.digest)?));
        }
        Ok(())
    }

    /// Calls each of the first `count` once, a few at a time.
    pub(super) async fn call_each(&self, count: usize) -> anyhow::Result<()> {
        let (frames, mut tasks) = (self.frames(), JoinSet::new());
        for caller in 0..IN_FLIGHT {
            let (mut line, frames) = (self.line().await?, Arc::clone(&frames));
            tasks.spawn(async move {
                for frame in frames.iter().take(count).skip(caller).step_by(IN_FLIGHT) {
                    call(&mut line, frame).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Calls as `popularity` says, in a closed loop.
    pub(super) async fn calls(&self, popularity: &Popularity, length: Duration) -> anyhow::Result<Sample> {
        let (frames, mut tasks) = (self.frames(), JoinSet::new());
        let lines = [self.line().await?, self.line().await?];
        let end = Instant::now() + length;
        for caller in 0..IN_FLIGHT {
            let (mut line, frames) = (lines[caller % lines.len()].clone(), Arc::clone(&frames));
            let mut next = popularity.of(caller, IN_FLIGHT);
            tasks.spawn(async move {
                let mut histogram = latencies();
                while Instant::now() < end {
                    let frame = next.next().and_then(|at| frames.get(at)).context("no such extension")?;
                    let start = Instant::now();
                    call(&mut line, frame).await?;
                    histogram.saturating_record(u64::try_from(start.elapsed().as_nanos())?);
                }
                anyhow::Ok(histogram)
            });
        }
        let mut all = latencies();
        while let Some(histogram) = tasks.join_next().await {
            all.add(histogram??)?;
        }
        Ok(Sample::of(&all, length))
    }

    pub(super) fn loaded(&self) -> anyhow::Result<usize> {
        Ok(self.host()?.modules().loaded())
    }

    fn frames(&self) -> Arc<[Bytes]> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).as_slice().into()
    }

    async fn line(&self) -> anyhow::Result<Line> {
        let address = self.host()?.addresses().tcp.context("the host does not listen")?;
        Line::open(address, &self.token, Bytes::new()).await
    }

    fn host(&self) -> anyhow::Result<&Host> {
        self.host.as_ref().context("the host has ended")
    }
}

impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        if let Some(host) = self.host.take() {
            self.runtime.block_on(host.drain());
        }
    }
}

async fn call(line: &mut Line, frame: &Bytes) -> anyhow::Result<()> {
    let answer = line.call_with(frame.clone()).await?;
    ensure!(answer.problem().is_none(), "a call failed: {answer:?}");
    Ok(())
}

fn version(id: &str, component: Sha256) -> anyhow::Result<ServedVersion> {
    let manifest = Manifest::parse(&format!("id = \"{id}\"\nkind = \"domain_hook\"\nlang = \"rust\"\n"))?;
    let build = Build {
        tenant: TenantId::parse(TENANT)?,
        abi: Abi::Component,
        version: Version::FIRST,
        digest: component.to_string(),
        schemas: Schemas::default(),
        tool: None,
        created_by: "bench".to_owned(),
    };
    Ok(ServedVersion::new(manifest.define(build), Component::Stored(Arc::new(Elsewhere))))
}
