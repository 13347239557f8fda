//! The in-memory source: whoever builds extensions puts them here.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock, RwLockReadGuard},
};

use extensions_types::{CauseSet, ExtensionDefinition, ExtensionId, Kind, TenantId, Version};
use futures_util::future::BoxFuture;

use crate::{Allowance, Catalog, CatalogStatus, Entry, Found, Off, Origin, Rules, ServedVersion, Unread};

type Entries = BTreeMap<TenantId, BTreeMap<ExtensionId, Arc<Entry>>>;

/// Entries that are put and removed while a host serves from them.
#[derive(Debug, Default)]
pub struct Overlay {
    entries: RwLock<Entries>,
}

impl Overlay {
    /// Serves `version` as the current one of its extension; the version served
    /// before stays callable by its number.
    pub fn put(&self, version: Arc<ServedVersion>) {
        let definition = Arc::clone(&version.definition);
        let mut entries = self.entries.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tenant = entries.entry(definition.tenant_id.clone()).or_default();
        let before = tenant.get(&definition.id);
        let mut versions: BTreeMap<Version, Arc<ServedVersion>> = before
            .and_then(|entry| entry.versions.get_key_value(&entry.current))
            .map(|(&number, served)| (number, Arc::clone(served)))
            .into_iter()
            .collect();
        let last_good = versions.keys().next().copied();
        versions.insert(definition.version, version);
        let (caller_pins, hook_pins) = Default::default();
        let entry = Entry { enabled: true, current: definition.version, last_good, versions, caller_pins, hook_pins };
        tenant.insert(definition.id.clone(), Arc::new(entry));
    }

    /// Stops serving an extension.
    pub fn remove(&self, tenant: &TenantId, extension: &ExtensionId) {
        let mut entries = self.entries.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(extensions) = entries.get_mut(tenant) {
            extensions.remove(extension);
        }
    }

    /// The entry of one extension.
    #[must_use]
    pub fn of(&self, tenant: &TenantId, extension: &ExtensionId) -> Option<Arc<Entry>> {
        self.read_lock().get(tenant)?.get(extension).cloned()
    }

    fn read_lock(&self) -> RwLockReadGuard<'_, Entries> {
        // A writer cannot leave the map half-changed: each change is one insert or remove.
        self.entries.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Catalog for Overlay {
    fn entry(&self, tenant: &TenantId, extension: &ExtensionId) -> Found {
        self.of(tenant, extension).map_or(Found::Nothing, Found::Entry)
    }

    fn read<'c>(&'c self, tenant: &'c TenantId, extension: &'c ExtensionId) -> BoxFuture<'c, Result<Option<Arc<Entry>>, Unread>> {
        Box::pin(std::future::ready(Ok(self.of(tenant, extension))))
    }

    fn list<'c>(&'c self, tenant: &'c TenantId, kind: Option<Kind>, max: usize) -> BoxFuture<'c, Result<Vec<Arc<ServedVersion>>, Unread>> {
        let entries = self.read_lock();
        let current = entries.get(tenant).into_iter().flatten().filter_map(|(_, entry)| entry.current());
        let listed = current.filter(|version| kind.is_none_or(|kind| version.definition.kind == kind)).take(max).cloned().collect();
        Box::pin(std::future::ready(Ok(listed)))
    }

    fn forced_off(&self, _: &ExtensionDefinition) -> Option<Off> {
        None
    }

    fn aborts(&self, _: &ExtensionDefinition) -> Option<Off> {
        None
    }

    fn control(&self) -> u64 {
        Rules::NONE
    }

    fn allowance(&self, _: &TenantId, _: &ExtensionId) -> Allowance {
        Allowance::default()
    }

    fn denied_causes(&self, _: &TenantId, _: &ExtensionId) -> CauseSet {
        CauseSet::NONE
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        None
    }

    fn ready(&self) -> bool {
        true
    }

    fn status(&self) -> CatalogStatus {
        let entries = self.read_lock().values().map(BTreeMap::len).sum();
        CatalogStatus { ready: true, origin: Origin::Memory, entries, entries_read: entries, ..CatalogStatus::default() }
    }
}
