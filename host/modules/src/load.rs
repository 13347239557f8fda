//! One load: find or make a component's code, map and link it.
//!
//! Where the code is near, one thread does it all in one go: a cold caller
//! waits for that. Threads are left only to wait for others.

use std::{sync::Arc, time::Instant};

use extensions_aot::{Cache, Code, CompileError, Compiled, Compiler, LoadError, Start, digest, signed::CodeFor};
use extensions_catalog::{Component, NoComponent, ServedVersion};
use extensions_engine::{Engine, Extension, Mapped};
use extensions_types::{Sha256, with_causes};

use crate::{
    gate::Gate,
    line::{Need, Places},
    metrics::{Metrics, Source},
    payer::Payer,
    shared::{NotShared, SharedCode},
    shelf::Shelf,
};

/// Why a version cannot be called now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLoaded {
    /// Its load goes on; ask again.
    #[error("the version is being compiled")]
    Loading,
    /// Too many loads are under way.
    #[error("too many versions are being loaded")]
    Busy,
    /// The store does not give the component now; ask again.
    #[error("the version's component cannot be fetched now; try again")]
    Unavailable,
    /// The component is lost, or its bytes are not those of its definition.
    #[error("the component does not match its digest")]
    Corrupt,
    /// The component cannot be compiled or served; the same bytes never will.
    #[error("the component cannot be served: {0}")]
    Refused(String),
    /// This host failed; its logs tell more.
    #[error("this host cannot load the version now")]
    Internal,
}

impl NotLoaded {
    /// Whether the same version may load later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Loading | Self::Busy | Self::Unavailable => true,
            Self::Corrupt | Self::Refused(_) | Self::Internal => false,
        }
    }
}

/// Objects of shared code in memory at once: 64 MiB each at most, as a rule less than one.
const SHARED_FETCHES: Places = Places { all: 4, for_calls: 1, of_tenant: 2 };
/// Components fetched and not yet compiled, at once: 4 MiB each at most.
const COMPONENT_FETCHES: Places = Places { all: 8, for_calls: 2, of_tenant: 1 };

/// Where loads wait for their turn.
#[derive(Debug, Clone)]
pub(crate) struct Gates {
    /// To fetch shared code.
    shared: Gate,
    /// To fetch a component and keep it until its code is there.
    components: Gate,
    /// To compile.
    pub(crate) compiles: Gate,
}

impl Default for Gates {
    fn default() -> Self {
        // Half the cores: the other half goes on serving.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let compiles = Places { all: (cores / 2).max(1), for_calls: 0, of_tenant: 1 };
        Self { shared: Gate::new(SHARED_FETCHES), components: Gate::new(COMPONENT_FETCHES), compiles: Gate::new(compiles) }
    }
}

impl Gates {
    /// Somebody's need has grown: who was kept behind places for calls may go now.
    pub(crate) fn look(&self) {
        self.shared.look();
        self.components.look();
    }
}

/// What a load needs.
#[derive(Debug, Clone)]
pub(crate) struct Loader {
    pub(crate) engine: Arc<Engine>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) shared: Option<Arc<SharedCode>>,
    pub(crate) compiler: Compiler,
    pub(crate) gates: Gates,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) payer: Arc<dyn Payer>,
    pub(crate) metrics: Metrics,
}

/// What becomes of mapped code, on the thread that mapped it.
type Then<T> = fn(&Loader, &ServedVersion, &Mapped) -> Result<T, NotLoaded>;

impl Loader {
    pub(crate) async fn load(self: &Arc<Self>, version: &Arc<ServedVersion>, need: &Need) -> Result<Arc<Extension>, NotLoaded> {
        self.map(version, need, Self::link).await
    }

    /// The nearest first: this host's memory and disk, code that another compiled, an own compile.
    async fn map<T: Send + 'static>(self: &Arc<Self>, version: &Arc<ServedVersion>, need: &Need, then: Then<T>) -> Result<T, NotLoaded> {
        let component: Sha256 = version.definition.digest.parse().map_err(|_| NotLoaded::Corrupt)?;
        let (loader, wanted) = (Arc::clone(self), Arc::clone(version));
        if let Some(done) = blocking(move || loader.near(&wanted, component, then)).await? {
            return Ok(done);
        }
        if let Some(shared) = &self.shared
            && let Some(done) = self.adopt(shared, version, component, need, then).await?
        {
            return Ok(done);
        }
        self.compile(version, component, need, then).await
    }

    /// From code that another version uses, else from this host's cache on disk; none where there is neither.
    fn near<T>(&self, version: &ServedVersion, component: Sha256, then: Then<T>) -> Result<Option<T>, NotLoaded> {
        if let Component::Here(bytes) = version.component() {
            whole(bytes, component)?;
        }
        if let Some(mapped) = self.shelf.code(component) {
            return then(self, version, &mapped).map(Some);
        }
        match self.cache.get(component).map_err(internal)? {
            Some(code) => self.take(version, component, code, Source::Cache, then).map(Some),
            None => Ok(None),
        }
    }

    fn take<T>(&self, version: &ServedVersion, component: Sha256, code: Code, source: Source, then: Then<T>) -> Result<T, NotLoaded> {
        let mapped = self.engine.map(code).map_err(unmapped)?;
        self.metrics.code_from(source);
        self.shelf.mapped(component, &mapped);
        then(self, version, &mapped)
    }

    fn link(&self, version: &ServedVersion, mapped: &Mapped) -> Result<Arc<Extension>, NotLoaded> {
        let linked = self.engine.link(Arc::clone(&version.definition), mapped);
        linked.map(Arc::new).map_err(|error| NotLoaded::Refused(with_causes(&error)))
    }

    /// Shared code, taken into this host's cache; none where there is none that counts.
    async fn adopt<T: Send + 'static>(
        self: &Arc<Self>,
        shared: &Arc<SharedCode>,
        version: &Arc<ServedVersion>,
        component: Sha256,
        need: &Need,
        then: Then<T>,
    ) -> Result<Option<T>, NotLoaded> {
        let what = CodeFor { engine: self.cache.engine(), component };
        let _place = self.gates.shared.enter(&version.definition.tenant_id, need).await.ok_or(NotLoaded::Internal)?;
        let object = match shared.fetch(what).await {
            Ok(object) => object,
            Err(why) => {
                self.unused(&why, component);
                return Ok(None);
            }
        };
        let (loader, shared, version) = (Arc::clone(self), Arc::clone(shared), Arc::clone(version));
        blocking(move || match shared.open(&object, what) {
            Ok(opened) => {
                let code = loader.cache.adopt(component, &opened).map_err(internal)?;
                loader.take(&version, component, code, Source::Shared, then).map(Some)
            }
            Err(why) => {
                loader.unused(&why, component);
                Ok(None)
            }
        })
        .await
    }

    fn unused(&self, why: &NotShared, component: Sha256) {
        self.metrics.not_shared(why.word());
        match why {
            // A version that was promoted a moment ago: nobody can have compiled it yet.
            NotShared::Missing => tracing::debug!(%component, "no shared code; this host compiles"),
            _ => tracing::warn!(%component, why = with_causes(why), "shared code is of no use; this host compiles"),
        }
    }

    async fn compile<T: Send + 'static>(
        self: &Arc<Self>,
        version: &Arc<ServedVersion>,
        digest: Sha256,
        need: &Need,
        then: Then<T>,
    ) -> Result<T, NotLoaded> {
        let tenant = &version.definition.tenant_id;
        // Held until the code is there, so that few components wait in memory; a slow store keeps no compile place.
        let _fetch = self.gates.components.enter(tenant, need).await.ok_or(NotLoaded::Internal)?;
        let component = match version.component() {
            Component::Here(bytes) => bytes.clone(),
            Component::Stored(stored) => {
                let fetched = stored.fetch().await.map_err(|error| unfetched(version, &error))?;
                let checked = fetched.clone();
                blocking(move || whole(&checked, digest)).await?;
                fetched
            }
        };
        let _place = self.gates.compiles.enter(tenant, need).await.ok_or(NotLoaded::Internal)?;
        let began = Instant::now();
        let Compiled { code, cpu } = self.compiler.compile(&component).await;
        self.payer.compiled(&version.definition, cpu);
        self.metrics.used(cpu);
        let code = code.map_err(|error| match error {
            CompileError::Refused(_) | CompileError::Exhausted => NotLoaded::Refused(error.to_string()),
            CompileError::Child(_) | CompileError::Pipe(_) => internal(error),
        })?;
        self.metrics.compiled(began.elapsed());
        let (loader, version) = (Arc::clone(self), Arc::clone(version));
        blocking(move || {
            let code = loader.cache.put(digest, &code, Start::of(&component)).map_err(internal)?;
            loader.take(&version, digest, code, Source::Compiled, then)
        })
        .await
    }
}

/// Checks the bytes against the digest: whoever vouches for them, others are never run.
fn whole(component: &[u8], wanted: Sha256) -> Result<(), NotLoaded> {
    if digest(component) == wanted { Ok(()) } else { Err(NotLoaded::Corrupt) }
}

fn unfetched(version: &ServedVersion, error: &NoComponent) -> NotLoaded {
    let definition = &version.definition;
    tracing::warn!(tenant = %definition.tenant_id, extension = %definition.id, version = %definition.version, %error, "no component");
    match error {
        NoComponent::Unavailable => NotLoaded::Unavailable,
        NoComponent::Damaged(_) => NotLoaded::Corrupt,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, NotLoaded> + Send + 'static) -> Result<T, NotLoaded> {
    tokio::task::spawn_blocking(work).await.map_err(internal)?
}

fn unmapped(error: LoadError) -> NotLoaded {
    if error.is_of_this_host() { internal(error) } else { NotLoaded::Refused(with_causes(&error)) }
}

fn internal(error: impl std::error::Error) -> NotLoaded {
    tracing::error!(error = with_causes(&error), "loading failed");
    NotLoaded::Internal
}

#[cfg(test)]
mod tests;
