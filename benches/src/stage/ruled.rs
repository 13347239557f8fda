//! A catalog in memory under control, found by hash as a store's catalog is.

use std::{collections::HashMap, sync::Arc};

use extensions_catalog::{Allowance, Catalog, CatalogStatus, Entry, Found, Off, Overlay, Rules, ServedVersion, Unread};
use extensions_types::{CauseSet, ControlState, ExtensionDefinition, ExtensionId, Kind, TenantId};
use futures_util::future::BoxFuture;

/// One entry for each tenant, under rules that do not change.
#[derive(Debug)]
pub(crate) struct Ruled {
    /// What `overlay` served in the beginning.
    entries: HashMap<TenantId, (ExtensionId, Arc<Entry>)>,
    overlay: Overlay,
    rules: Arc<Rules>,
}

impl Ruled {
    /// Serves `versions`, one for each tenant.
    pub(crate) fn new(versions: impl IntoIterator<Item = Arc<ServedVersion>>, control: ControlState) -> Self {
        let (overlay, mut entries) = (Overlay::default(), HashMap::new());
        for version in versions {
            let definition = Arc::clone(&version.definition);
            overlay.put(version);
            if let Some(entry) = overlay.of(&definition.tenant_id, &definition.id) {
                entries.insert(definition.tenant_id.clone(), (definition.id.clone(), entry));
            }
        }
        Self { entries, overlay, rules: Arc::new(Rules::of(control)) }
    }
}

impl Catalog for Ruled {
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found {
        match self.entries.get(tenant) {
            Some((id, entry)) if id == extension => Found::Entry(Arc::clone(entry)),
            Some(_) | None => Found::Nothing,
        }
    }

    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>> {
        self.overlay.read(tenant, extension)
    }

    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>> {
        self.overlay.list(tenant, kind, max)
    }

    fn forced_off(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.rules.forced_off(definition)
    }

    fn aborts(&self, definition: &ExtensionDefinition) -> Option<Off> {
        self.rules.switches().aborts(definition)
    }

    fn control(&self) -> u64 {
        self.rules.number()
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
        self.overlay.status()
    }
}
