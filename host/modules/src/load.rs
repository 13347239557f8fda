//! One load: verify the component, find or make its code, map and link it.

use extensions_types::{Sha256, with_causes};
use std::sync::Arc;

use bytes::Bytes;
use extensions_aot::{Cache, Code, CompileError, Compiler, LoadError, digest, runs_at_start};
use extensions_catalog::{Component, NoComponent, ServedVersion};
use extensions_engine::{Engine, Extension, Mapped};
use tokio::sync::Semaphore;

use crate::{compiles::Compiles, weight::CodeWeight};

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

/// What a load needs.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) engine: Arc<Engine>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) compiler: Compiler,
    pub(crate) compiles: Compiles,
    pub(crate) fetches: Semaphore,
    /// Versions of one component share its code and memory image.
    pub(crate) mapped: quick_cache::sync::Cache<Sha256, Mapped, CodeWeight>,
}

impl Loader {
    pub(crate) async fn load(self: &Arc<Self>, version: &Arc<ServedVersion>) -> Result<Arc<Extension>, NotLoaded> {
        let mapped = self.map(version).await?;
        let (engine, definition) = (Arc::clone(&self.engine), Arc::clone(&version.definition));
        // Compiling schemas takes its time too.
        blocking(move || engine.link(definition, &mapped).map(Arc::new).map_err(|error| NotLoaded::Refused(with_causes(&error)))).await
    }

    async fn map(self: &Arc<Self>, version: &Arc<ServedVersion>) -> Result<Mapped, NotLoaded> {
        let digest: Sha256 = version.definition.digest.parse().map_err(|_| NotLoaded::Corrupt)?;
        if let Component::Here(bytes) = version.component() {
            whole(bytes.clone(), digest).await?;
        }
        if let Some(mapped) = self.mapped.get(&digest) {
            return Ok(mapped);
        }
        let loader = Arc::clone(self);
        let cached = blocking(move || loader.cache.get(digest).map_err(internal));
        let code = match cached.await? {
            Some(code) => code,
            None => self.compile(version, digest).await?,
        };
        let engine = Arc::clone(&self.engine);
        let mapped = blocking(move || engine.map(code).map_err(unmapped)).await?;
        self.mapped.insert(digest, mapped.clone());
        Ok(mapped)
    }

    async fn compile(self: &Arc<Self>, version: &Arc<ServedVersion>, digest: Sha256) -> Result<Code, NotLoaded> {
        let turn = self.compiles.turn(&version.definition.tenant_id).await.ok_or(NotLoaded::Internal)?;
        // Held until the code is there, so that few components wait in memory; a slow store keeps no compile place.
        let _fetch = self.fetches.acquire().await.map_err(internal)?;
        let component = match version.component() {
            Component::Here(bytes) => bytes.clone(),
            Component::Stored(stored) => {
                let fetched = stored.fetch().await.map_err(|error| unfetched(version, &error))?;
                whole(fetched.clone(), digest).await?;
                fetched
            }
        };
        let _place = self.compiles.place(turn).await.ok_or(NotLoaded::Internal)?;
        let code = self.compiler.compile(&component).await.map_err(|error| match error {
            CompileError::Refused(_) | CompileError::Exhausted => NotLoaded::Refused(error.to_string()),
            CompileError::Child(_) | CompileError::Pipe(_) => internal(error),
        })?;
        let loader = Arc::clone(self);
        blocking(move || loader.cache.put(digest, &code, runs_at_start(&component)).map_err(internal)).await
    }
}

/// Checks the bytes against the digest: whoever vouches for them, others are never run.
async fn whole(component: Bytes, wanted: Sha256) -> Result<(), NotLoaded> {
    blocking(move || if digest(&component) == wanted { Ok(()) } else { Err(NotLoaded::Corrupt) }).await
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
