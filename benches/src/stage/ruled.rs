//! A catalog in memory under control, as a store's catalog has it.

use std::sync::Arc;

use extensions_catalog::{Allowance, Catalog, CatalogStatus, Entry, Found, Off, Overlay, Rules, ServedVersion, Unread};
use extensions_types::{CauseSet, ControlState, ExtensionDefinition, ExtensionId, Kind, TenantId};
use futures_util::future::BoxFuture;

/// Entries of the overlay, under rules that do not change.
#[derive(Debug)]
pub(crate) struct Ruled {
    entries: Arc<Overlay>,
    rules: Arc<Rules>,
}

impl Ruled {
    pub(crate) fn new(entries: Arc<Overlay>, control: ControlState) -> Self {
        Self { entries, rules: Arc::new(Rules::of(control)) }
    }
}

impl Catalog for Ruled {
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found {
        self.entries.entry(tenant, extension)
    }

    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>> {
        self.entries.read(tenant, extension)
    }

    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>> {
        self.entries.list(tenant, kind, max)
    }

    fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.rules.forced_off(definition)
    }

    fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.rules.switches().aborts(definition)
    }

    fn allowance(&self, tenant: &TenantId, extension: &ExtensionId) -> Allowance {
        self.rules.allowance(tenant, extension)
    }

    fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
        self.rules.denied_causes(tenant, extension)
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        Some(Arc::clone(&self.rules))
    }

    fn ready(&self) -> bool {
        true
    }

    fn status(&self) -> CatalogStatus {
        self.entries.status()
    }
}
