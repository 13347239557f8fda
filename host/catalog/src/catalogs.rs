//! The environments that one host serves.

use std::{sync::Arc, time::Instant};

use extensions_types::{Environment, Kind, TenantId};

use crate::{Catalog, CatalogStatus, Missing, ServedVersion, find::within};

/// One catalog for each environment that a host serves: as a rule one, in
/// `ext dev` all of them.
#[derive(Debug, Clone)]
pub struct Catalogs {
    own: Environment,
    served: [Option<Arc<dyn Catalog>>; Environment::ALL.len()],
}

impl Catalogs {
    /// A host of environment `own`, where calls go that name none.
    #[must_use]
    pub fn of(own: Environment, catalog: Arc<dyn Catalog>) -> Self {
        let mut served = [const { None }; Environment::ALL.len()];
        served[own as usize] = Some(catalog);
        Self { own, served }
    }

    /// Serves `environment` as well.
    #[must_use]
    pub fn and(mut self, environment: Environment, catalog: Arc<dyn Catalog>) -> Self {
        self.served[environment as usize] = Some(catalog);
        self
    }

    /// The environment of calls that name none.
    #[must_use]
    pub fn own(&self) -> Environment {
        self.own
    }

    /// The environment that a call means by `asked`: a word from outside. Where
    /// it is none that is served, the host's own: whoever makes the context
    /// refuses the difference.
    #[must_use]
    pub fn meant(&self, asked: &str) -> Environment {
        if asked.is_empty() {
            return self.own;
        }
        asked.parse().ok().filter(|&environment| self.get(environment).is_some()).unwrap_or(self.own)
    }

    /// What `environment` serves, if this host serves it.
    #[must_use]
    pub fn get(&self, environment: Environment) -> Option<&Arc<dyn Catalog>> {
        self.served[environment as usize].as_ref()
    }

    /// Every environment that is served, with its catalog.
    pub fn iter(&self) -> impl Iterator<Item = (Environment, &Arc<dyn Catalog>)> {
        Environment::ALL.iter().filter_map(|&environment| Some((environment, self.get(environment)?)))
    }

    /// Whether each of them is ready.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.iter().all(|(_, catalog)| catalog.ready())
    }

    /// Where each of them stands.
    #[must_use]
    pub fn status(&self) -> Vec<(Environment, CatalogStatus)> {
        self.iter().map(|(environment, catalog)| (environment, catalog.status())).collect()
    }

    /// The current versions of one tenant in the host's own environment, ordered
    /// by id, at most `max`; what is unread is read first, for five seconds at most.
    ///
    /// # Errors
    /// When something of it cannot be read in time.
    pub async fn list(
        &self,
        tenant: &TenantId,
        kind: Option<Kind>,
        max: usize,
        deadline: Option<Instant>,
    ) -> Result<Vec<Arc<ServedVersion>>, Missing> {
        match self.get(self.own) {
            Some(catalog) => within(deadline, catalog.list(tenant, kind, max)).await,
            None => Ok(Vec::new()),
        }
    }
}
