//! Which store holds what: histories and objects in the registry's own, entries
//! and the blobs that hosts read in each environment's.

use extensions_artifact::Store;
use extensions_types::Environment;

/// The stores of one registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stores {
    registry: Store,
    dev: Store,
    staging: Store,
    prod: Store,
}

impl Stores {
    /// One store for everything: environments are folders of it.
    #[must_use]
    pub fn single(store: Store) -> Self {
        Self { dev: store.clone(), staging: store.clone(), prod: store.clone(), registry: store }
    }

    /// The same stores, with another one for `env`.
    #[must_use]
    pub fn with(mut self, env: Environment, store: Store) -> Self {
        *self.slot(env) = store;
        self
    }

    fn slot(&mut self, env: Environment) -> &mut Store {
        match env {
            Environment::Dev => &mut self.dev,
            Environment::Staging => &mut self.staging,
            Environment::Prod => &mut self.prod,
        }
    }

    /// Histories, versions, sources, markers, control's events.
    #[must_use]
    pub const fn registry(&self) -> &Store {
        &self.registry
    }

    /// Entries, their blobs, and the state of control, as hosts of `env` read them.
    #[must_use]
    pub const fn env(&self, env: Environment) -> &Store {
        match env {
            Environment::Dev => &self.dev,
            Environment::Staging => &self.staging,
            Environment::Prod => &self.prod,
        }
    }
}
