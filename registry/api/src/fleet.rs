//! What a registry knows of its hosts: through Redis, of its own process, or nothing.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use extensions_coordination::{Change, Coordination, Members};
use extensions_types::{Environment, ExtensionId, TenantId, with_causes};
use tokio::{sync::Mutex, time::Instant};

use crate::Notify;

/// Those who wait for a promotion ask again and again: one answer serves all
/// who ask within this time.
const KEPT_FOR: Duration = Duration::from_millis(100);

/// An extension whose hosts are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub extension: ExtensionId,
    /// The generation of its entry; outranks `seq`.
    pub generation: u64,
    /// The event that must be served, or a newer one.
    pub seq: u64,
}

/// Nobody knows which hosts live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Why, for people.
    pub because: String,
}

/// What [`Membership::hosts`] gives.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Arc<Members>, Unknown>> + Send + 'a>>;

/// Who knows which hosts live and what they serve.
pub trait Membership: Send + Sync + fmt::Debug {
    /// The hosts of `env`; whoever can answer about one extension alone does.
    fn hosts(&self, env: Environment, about: Option<About>) -> Asking<'_>;
}

/// No Redis: hosts poll, and nobody knows them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NobodyKnows;

impl Membership for NobodyKnows {
    fn hosts(&self, _: Environment, _: Option<About>) -> Asking<'_> {
        let because = "this registry has no section [redis], through which hosts say what they serve".to_owned();
        Box::pin(std::future::ready(Err(Unknown { because })))
    }
}

/// A fleet that meets in Redis: hears of changes, and says what it serves.
#[derive(Debug)]
pub struct Fleet {
    coordination: Coordination,
    kept: [Mutex<Option<Kept>>; Environment::ALL.len()],
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    members: Arc<Members>,
}

impl Fleet {
    /// The fleet behind `coordination`.
    #[must_use]
    pub fn new(coordination: Coordination) -> Self {
        Self { coordination, kept: Default::default() }
    }

    async fn say(&self, env: Environment, change: Change) {
        if let Err(error) = self.coordination.announce(env, &change).await {
            tracing::debug!(%env, ?change, error = with_causes(&error), "not announced; hosts find it by polling");
        }
    }

    async fn ask(&self, env: Environment) -> Result<Arc<Members>, Unknown> {
        let place = Environment::ALL.iter().position(|known| *known == env).expect("every environment has a place");
        // Held while Redis is asked: who asks meanwhile gets the same answer.
        let mut kept = self.kept[place].lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.at.elapsed() < KEPT_FOR) {
            return Ok(Arc::clone(&kept.members));
        }
        let asked = self.coordination.hosts(env).await;
        let members = Arc::new(asked.map_err(|error| Unknown { because: with_causes(&error) })?);
        *kept = Some(Kept { at: Instant::now(), members: Arc::clone(&members) });
        Ok(members)
    }
}

impl Membership for Fleet {
    fn hosts(&self, env: Environment, _: Option<About>) -> Asking<'_> {
        Box::pin(self.ask(env))
    }
}

impl Notify for Fleet {
    fn entry_changed(&self, env: Environment, tenant: TenantId, extension: ExtensionId, seq: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.say(env, Change::Entry { tenant, extension, seq }))
    }

    fn control_changed(&self, env: Environment, seq: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.say(env, Change::Control { seq }))
    }
}
