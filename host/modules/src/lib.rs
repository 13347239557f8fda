//! Keeps loaded extensions: single-flight loads, bounded by bytes, negative caching.
//!
//! [`Modules::get`] answers from memory on the hot path. A version that is not
//! there is loaded once, in the background, whoever asks meanwhile and however
//! long they wait: from the local code cache, else from code that another has
//! compiled and signed ([`SharedCode`]), else by a compile child. The component
//! itself is fetched only when there is no code for it. What a call waits for
//! goes first, then what is about to be served, then the rest; tenants take turns.
//!
//! What is loaded is bounded by what it takes of the kernel and of memory
//! (`capacity`); what is called seldom leaves first (`shelf`), keeps nothing but
//! its file on disk, and is unmapped by a background thread.

mod capacity;
mod gate;
mod line;
mod load;
mod metrics;
mod payer;
mod pending;
mod shared;
mod shelf;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_aot::{Cache, Compiler};
use extensions_catalog::{DefinitionKey, ServedVersion, Urgency};
use extensions_engine::{Engine, Extension};
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

use capacity::Capacity;
use load::{Gates, Loader};
use metrics::Metrics;
use payer::Nobody;
use pending::{Joined, Pending, Progress};
use shelf::Shelf;

pub use capacity::raise_descriptor_limit;
pub use load::NotLoaded;
pub use payer::Payer;
pub use shared::SharedCode;

/// A cold caller is answered this long before its deadline.
const ANSWER_BEFORE: Duration = Duration::from_millis(20);
/// No cold caller waits longer.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long a version that made room is left alone before it is looked at again: calls take as long.
const BURY_EVERY: Duration = Duration::from_millis(100);

/// The loaded versions of a host.
#[derive(Debug)]
pub struct Modules {
    shelf: Arc<Shelf>,
    pending: Pending,
    loader: Arc<Loader>,
    background: Handle,
}

impl Modules {
    /// A cache that loads into `engine`; loads run on `background`, so that
    /// they outlive the call that asked first.
    #[must_use]
    pub fn new(engine: Arc<Engine>, cache: Cache, compiler: Compiler, background: Handle) -> Self {
        let shelf = Arc::new(Shelf::new(Capacity::here()));
        let loader = Loader {
            engine,
            cache: Arc::new(cache),
            shared: None,
            compiler,
            gates: Gates::default(),
            shelf: Arc::clone(&shelf),
            payer: Arc::new(Nobody),
            metrics: Metrics::default(),
        };
        Self { shelf, pending: Pending::default(), loader: Arc::new(loader), background }
    }

    /// The same, looking for code that others compiled before compiling itself.
    #[must_use]
    pub fn with_shared(self, shared: SharedCode) -> Self {
        let loader = Loader { shared: Some(Arc::new(shared)), ..Loader::clone(&self.loader) };
        Self { loader: Arc::new(loader), ..self }
    }

    /// The same, telling `payer` what compile children use.
    #[must_use]
    pub fn with_payer(self, payer: Arc<dyn Payer>) -> Self {
        let loader = Loader { payer, ..Loader::clone(&self.loader) };
        Self { loader: Arc::new(loader), ..self }
    }

    /// Shows what loads do.
    pub fn register(&self, registry: &mut Registry) {
        self.loader.metrics.register(registry, self.loader.gates.compiles.clone(), Arc::clone(&self.shelf));
    }

    /// The loaded version for a call, waiting for its load until shortly before `deadline`.
    ///
    /// # Errors
    /// When it is not ready in time or cannot be loaded.
    pub async fn get(self: &Arc<Self>, version: &Arc<ServedVersion>, deadline: Option<Instant>) -> Result<Arc<Extension>, NotLoaded> {
        self.load(version, Urgency::Called, deadline).await
    }

    /// The same for whoever needs it less: a load under way becomes as urgent as its most urgent asker.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn load(
        self: &Arc<Self>,
        version: &Arc<ServedVersion>,
        urgency: Urgency,
        deadline: Option<Instant>,
    ) -> Result<Arc<Extension>, NotLoaded> {
        // The same bytes under another definition have another key: limits and schemas belong to what is linked.
        match self.shelf.get(&version.key()) {
            Some(extension) => Ok(extension),
            None => self.wait(version, urgency, deadline).await,
        }
    }

    /// Whether the version is loaded now. Does not count as a use of it.
    #[must_use]
    pub fn is_loaded(&self, version: &ServedVersion) -> bool {
        self.shelf.has(&version.key())
    }

    /// How many versions are loaded now.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.shelf.len()
    }

    async fn wait(self: &Arc<Self>, version: &Arc<ServedVersion>, urgency: Urgency, deadline: Option<Instant>) -> Result<Arc<Extension>, NotLoaded> {
        let mut progress = self.progress(version, urgency)?;
        let latest = Instant::now() + WAIT_MAX;
        let until = deadline.and_then(|deadline| deadline.checked_sub(ANSWER_BEFORE)).map_or(latest, |early| early.min(latest));
        let ended = tokio::time::timeout_at(until.into(), progress.wait_for(Option::is_some)).await;
        match ended {
            Ok(Ok(result)) => result.clone().unwrap_or(Err(NotLoaded::Loading)),
            // The loading task ended without a result: it panicked or its runtime is going.
            Ok(Err(_)) => Err(NotLoaded::Internal),
            Err(_) => Err(NotLoaded::Loading),
        }
    }

    /// Joins the load under way, or starts one.
    fn progress(self: &Arc<Self>, version: &Arc<ServedVersion>, urgency: Urgency) -> Result<Progress, NotLoaded> {
        let key = version.key();
        let joined = self.pending.join_or_start(key, urgency, |need, done| {
            let (modules, version) = (Arc::clone(self), Arc::clone(version));
            self.background.spawn(async move {
                let result = modules.loader.load(&version, &need).await;
                match &result {
                    Ok(extension) => modules.keep(key, Arc::clone(extension)),
                    Err(error) => tracing::warn!(tenant = %version.definition.tenant_id, extension = %version.definition.id, version = %version.definition.version, %error, "cannot load"),
                }
                modules.pending.ended(key, &result);
                // Everyone who waited may be gone.
                let _ = done.send(Some(result));
            });
        })?;
        let Joined { progress, raised } = joined;
        if raised {
            self.loader.gates.look();
        }
        Ok(progress)
    }

    /// Keeps a loaded version, and sees to those that made room for it.
    fn keep(self: &Arc<Self>, key: DefinitionKey, extension: Arc<Extension>) {
        let (evicted, is_mine) = self.shelf.put(key, extension);
        self.loader.metrics.evicted(evicted);
        if !is_mine {
            return;
        }
        let shelf = Arc::clone(&self.shelf);
        self.background.spawn(async move {
            loop {
                let shelf = Arc::clone(&shelf);
                // A panic leaves them loaded; the runtime that goes takes them along.
                if !tokio::task::spawn_blocking(move || shelf.bury()).await.unwrap_or(false) {
                    return;
                }
                tokio::time::sleep(BURY_EVERY).await;
            }
        });
    }
}
