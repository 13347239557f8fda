//! What a test serves, under a control that it sets.

use std::sync::Arc;

use arc_swap::ArcSwap;
use extensions_catalog::{Allowance, Catalog, CatalogStatus, Entry, Found, Off, Overlay, Rules, ServedVersion, Unread};
use extensions_types::{CauseSet, ControlState, Environment, ExtensionDefinition, ExtensionId, Kind, TenantId};
use futures_util::future::BoxFuture;

/// An overlay with switches, quotas, weights and policies.
#[derive(Debug)]
pub(crate) struct Ruled {
    overlay: Arc<Overlay>,
    rules: ArcSwap<Rules>,
}

impl Ruled {
    pub(crate) fn new(overlay: Arc<Overlay>, env: Environment) -> Self {
        Self { overlay, rules: ArcSwap::from_pointee(Rules::of(ControlState::new(env))) }
    }

    pub(crate) fn set(&self, state: ControlState) {
        self.rules.store(Arc::new(Rules::of(state)));
    }
}

impl Catalog for Ruled {
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found {
        self.overlay.entry(tenant, extension)
    }

    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>> {
        self.overlay.read(tenant, extension)
    }

    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>> {
        self.overlay.list(tenant, kind, max)
    }

    fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.rules.load().forced_off(definition)
    }

    fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.rules.load().switches().aborts(definition)
    }

    fn control(&self) -> u64 {
        self.rules.load().number()
    }

    fn allowance(&self, tenant: &TenantId, extension: &ExtensionId) -> Allowance {
        self.rules.load().allowance(tenant, extension)
    }

    fn denied_causes(&self, tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
        self.rules.load().denied_causes(tenant, extension)
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        Some(self.rules.load_full())
    }

    fn ready(&self) -> bool {
        true
    }

    fn status(&self) -> CatalogStatus {
        self.overlay.status()
    }
}
