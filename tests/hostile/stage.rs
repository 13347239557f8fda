//! Where an attack happens: a real host, an attacker, and neighbours that are called meanwhile.

use std::{ops::Deref, sync::Arc, time::Duration};

use extensions_catalog::ServedVersion;
use extensions_client::{Client, Invoke};
use extensions_test_support::{Platform, Start};
use extensions_types::{Kind, TenantId};

use crate::{CHILD, call::Told, neighbour::Neighbours};

/// Threads of the host that serve connections.
pub(crate) const IO_THREADS: usize = 2;

/// A host in one profile and reset mode, and its neighbours. Attacks share one, or start their own.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) platform: Platform,
    pub(crate) profile: &'static str,
    pub(crate) neighbours: Neighbours,
}

impl Scene {
    /// A host with the suite's settings.
    pub(crate) async fn new(profile: &'static str) -> Self {
        Self::of(profile, Start::new(CHILD).io_threads(IO_THREADS)).await
    }

    /// A host with an attack's own settings.
    pub(crate) async fn of(profile: &'static str, start: Start) -> Self {
        let platform = start.profile(profile).start();
        let neighbours = Neighbours::settle(&platform).await;
        Self { platform, profile, neighbours }
    }
}

/// What one attack has to itself: a tenant on the shared host, so that what an
/// earlier attack did to its own tenant (its history, its open breakers) is not there.
#[derive(Debug)]
pub(crate) struct Stage {
    scene: Arc<Scene>,
    pub(crate) attacker: TenantId,
    /// The attacker's, without retries.
    pub(crate) client: Client,
}

impl Deref for Stage {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Stage {
    pub(crate) fn new(scene: Arc<Scene>, attack: &str) -> Self {
        let attacker = TenantId::parse(&format!("attacker-{attack}")).unwrap();
        let client = hasty(&scene.platform, &attacker);
        Self { scene, attacker, client }
    }

    /// The same stage on another host.
    pub(crate) fn elsewhere(&self, scene: Scene) -> Self {
        let client = hasty(&scene.platform, &self.attacker);
        Self { scene: Arc::new(scene), attacker: self.attacker.clone(), client }
    }

    /// Serves a component to the attacker and compiles it; the refusal, where it is refused.
    pub(crate) async fn serve(&self, id: &str, kind: Kind, manifest: &str, component: Vec<u8>) -> (Arc<ServedVersion>, Result<(), String>) {
        let served = self.platform.serve(&self.attacker, id, kind, manifest, component);
        let loaded = self.platform.load(&served).await.map_err(|error| error.to_string());
        (served, loaded)
    }

    /// Another connection of the attacker's, without retries.
    pub(crate) fn connection(&self) -> Client {
        hasty(&self.platform, &self.attacker)
    }

    /// Calls one of the attacker's extensions with `{}`.
    pub(crate) async fn call(&self, id: &str) -> Told {
        self.invoke(Invoke::new(id)).await
    }

    /// Calls as asked.
    pub(crate) async fn invoke(&self, call: Invoke) -> Told {
        Told::of(self.client.invoke(call).await)
    }
}

/// A client that says what it was told, and does not try again.
pub(crate) fn hasty(platform: &Platform, tenant: &TenantId) -> Client {
    Client::builder().token(platform.token(tenant)).retries(0).connect(&platform.tcp()).unwrap()
}

/// No attack lasts longer; only one that hangs the host does.
pub(crate) const ATTACK_MAX: Duration = Duration::from_secs(120);
