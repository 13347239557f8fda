//! One source above another: the folders of `ext dev` above what its registry promoted.

use std::sync::Arc;

use extensions_types::{CauseSet, ExtensionDefinition, ExtensionId, Kind, TenantId};
use futures_util::future::BoxFuture;

use crate::{Allowance, Catalog, CatalogStatus, Entry, Found, Off, Overlay, Rules, ServedVersion, Unread};

/// An overlay whose entries hide those of the catalog below; switches of both hold.
#[derive(Debug)]
pub struct Layered {
    above: Arc<Overlay>,
    below: Arc<dyn Catalog>,
}

impl Layered {
    /// Lays `above` over `below`.
    #[must_use]
    pub fn new(above: Arc<Overlay>, below: Arc<dyn Catalog>) -> Self {
        Self { above, below }
    }
}

impl Catalog for Layered {
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found {
        match self.above.entry(tenant, extension) {
            Found::Nothing => self.below.entry(tenant, extension),
            found => found,
        }
    }

    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>> {
        self.below.read(tenant, extension)
    }

    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>> {
        Box::pin(async move {
            let below = self.below.list(tenant, kind, max).await?;
            let mut listed = self.above.list(tenant, kind, max).await?;
            let hidden = |version: &Arc<ServedVersion>| matches!(self.above.entry(tenant, &version.definition.id), Found::Entry(_));
            listed.extend(below.into_iter().filter(|version| !hidden(version)));
            listed.sort_by(|a, b| a.definition.id.cmp(&b.definition.id));
            listed.truncate(max);
            Ok(listed)
        })
    }

    fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.above.forced_off(definition).or_else(|| self.below.forced_off(definition))
    }

    fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.above.aborts(definition).or_else(|| self.below.aborts(definition))
    }

    /// Nothing above has rules.
    fn control(&self) -> u64 {
        self.below.control()
    }

    fn allowance(&self, tenant: &TenantId, extension: &ExtensionId) -> Allowance {
        self.below.allowance(tenant, extension)
    }

    fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
        self.below.denied_causes(tenant, extension)
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        self.below.rules()
    }

    fn ready(&self) -> bool {
        self.below.ready()
    }

    fn status(&self) -> CatalogStatus {
        self.below.status()
    }
}
