//! A host in its fleet: polls are a minute apart here, so what it knows it heard through Redis.

use std::time::{Duration, Instant};

use extensions_coordination::{Change, Coordination, EntryState, Heartbeat, HostChange, RedisSettings};
use extensions_test_servers::Redis;
use extensions_test_support::event;
use extensions_types::SwitchTarget;
use tempfile::TempDir;

use crate::{
    program::{Place, Program},
    shelf::{ENV, Shelf, answering, entry, of, version},
};

/// Far less than a poll.
const SOON: Duration = Duration::from_secs(20);

struct Scene {
    redis: Redis,
    /// The registry's voice.
    registry: Coordination,
    shelf: Shelf,
    folder: TempDir,
    place: Place,
}

impl Scene {
    async fn new() -> Self {
        let redis = Redis::start().unwrap();
        let registry = Coordination::open(&RedisSettings::at(redis.url())).unwrap();
        registry.connected().await;
        let (folder, place) = (tempfile::tempdir().unwrap(), Place::in_fleet(&redis.url()));
        Self { shelf: Shelf::local(folder.path()), redis, registry, folder, place }
    }

    async fn start(&self) -> Program {
        let program = self.place.start(&format!("dir = {:?}", self.folder.path())).await;
        program.ready().await;
        program
    }

    async fn announce(&self, extension: &str, seq: u64) {
        let of = of(extension);
        self.registry.announce(ENV, &Change::Entry { tenant: of.tenant, extension: of.extension, seq }).await.unwrap();
    }

    async fn promote(&self, extension: &str, number: u64) {
        self.shelf.promote(&of(extension), number).await;
        self.announce(extension, number).await;
    }

    /// The only host's heartbeat, once it is as `wanted`.
    async fn heartbeat(&self, wanted: impl Fn(&Heartbeat) -> bool) -> Heartbeat {
        event(async {
            loop {
                let hosts = self.registry.hosts(ENV).await.unwrap_or_default().hosts;
                if let [member] = &hosts[..]
                    && wanted(&member.heartbeat)
                {
                    return member.heartbeat.clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    /// What the host tells of an extension, once it tells of event `seq`.
    async fn told(&self, extension: &str, seq: u64) -> HostChange {
        let of = |change: &&HostChange| change.extension.as_str() == extension && change.seq == seq;
        let heartbeat = self.heartbeat(|heartbeat| heartbeat.recent.changes().any(|change| of(&change))).await;
        heartbeat.recent.changes().find(of).unwrap().clone()
    }
}

#[tokio::test]
async fn a_promotion_is_heard_loaded_served_and_told() {
    let scene = Scene::new().await;
    scene.shelf.promote(&of("x"), 1).await;
    let program = scene.start().await;
    let hello = scene.heartbeat(|heartbeat| heartbeat.ready).await;
    assert!(hello.host.as_str().starts_with("host-a-") && hello.address.as_deref() == Some("http://a") && !hello.draining);
    assert_eq!((hello.extensions, hello.loaded), (1, 0));
    assert_eq!(program.whole_status().await["host"], hello.host.as_str());
    assert_eq!(program.whole_status().await["redis"]["connected"], true);
    program.serves("x", Ok(1)).await;

    let before = Instant::now();
    scene.promote("x", 2).await;
    program.serves("x", Ok(2)).await;
    assert!(before.elapsed() < SOON);
    let told = scene.told("x", 2).await;
    assert_eq!((told.version, told.state), (Some(version(2)), EntryState::Served));
    assert!(program.metric("extensions_catalog_hint_to_switch_seconds_count{env=\"prod\"}").await.unwrap() >= 1.0);

    // What nobody ever called is loaded too.
    scene.promote("new", 1).await;
    assert_eq!(scene.told("new", 1).await.state, EntryState::Served);
    assert_eq!(scene.heartbeat(|heartbeat| heartbeat.loaded == 3).await.extensions, 2);

    // What cannot be loaded is not served, and everybody hears why.
    scene.shelf.write(&entry(&of("x"), 3, extensions_artifact::digest(&answering(3)))).await;
    scene.shelf.0.put(&of("x").component(version(3)), answering(9).into()).await.unwrap();
    scene.announce("x", 3).await;
    let told = scene.told("x", 3).await;
    assert!(matches!(told.state, EntryState::Kept { problem } if problem.contains("version 3 cannot be loaded")));
    assert_eq!((told.version, program.served("x").await), (Some(version(2)), Ok(2)));
    let kept = scene.heartbeat(|heartbeat| !heartbeat.problems.is_empty()).await;
    assert_eq!(kept.problems[0].extension.as_ref().unwrap().as_str(), "x");
    assert_eq!(program.metric("extensions_catalog_kept{env=\"prod\"}").await, Some(1.0));

    // Switched off, at once; and gone, at once.
    scene.shelf.switch_off(1, &[SwitchTarget::Tenant { tenant: of("x").tenant }]).await;
    scene.registry.announce(ENV, &Change::Control { seq: 1 }).await.unwrap();
    program.serves("x", Err("DISABLED")).await;
    scene.heartbeat(|heartbeat| heartbeat.control.is_some_and(|control| control.seq == 1)).await;
    assert!(program.stop().await.success());
    assert!(scene.registry.hosts(ENV).await.unwrap().hosts.is_empty(), "it said that it left");
}

#[tokio::test]
async fn what_was_missed_while_redis_was_gone_is_found_when_it_is_back() {
    let scene = Scene::new().await;
    scene.shelf.promote(&of("x"), 1).await;
    let program = scene.start().await;
    program.serves("x", Ok(1)).await;
    scene.heartbeat(|heartbeat| heartbeat.ready).await;
    scene.redis.stop();
    scene.shelf.promote(&of("x"), 2).await;
    assert_eq!(program.served("x").await, Ok(1), "nobody told it");
    let before = Instant::now();
    scene.redis.restart_empty().unwrap();
    program.serves("x", Ok(2)).await;
    assert!(before.elapsed() < SOON);
    assert_eq!(scene.told("x", 2).await.state, EntryState::Served);
    assert!(program.stop().await.success());
}
