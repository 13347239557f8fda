//! All extensions of the environment: an immutable snapshot, replaced when the
//! list gains or loses names. Changes of one extension happen in its slot.

use std::{collections::HashMap, sync::Arc};

use ahash::RandomState;
use extensions_artifact::Owned;
use extensions_catalog::Origin;
use extensions_types::{ExtensionId, TenantId};

use crate::slot::Slot;

/// One tenant's extensions. Looked into by each call, so hashed cheaply, with keys of this process's own.
pub(crate) type Extensions = HashMap<ExtensionId, Arc<Slot>, RandomState>;

/// The names of an environment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Index {
    /// Where the names come from; nothing is known to be absent before that.
    pub(crate) origin: Origin,
    tenants: HashMap<TenantId, Arc<Extensions>, RandomState>,
    len: usize,
}

impl Index {
    /// Whether a name that is not in here is not served.
    pub(crate) fn is_known(&self) -> bool {
        self.origin != Origin::None
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, tenant: &TenantId, extension: &ExtensionId) -> Option<&Arc<Slot>> {
        self.tenants.get(tenant)?.get(extension)
    }

    /// A tenant's extensions in the order of their ids.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<Slot>> {
        let mut slots: Vec<_> = self.tenants.get(tenant).into_iter().flat_map(|extensions| extensions.values()).cloned().collect();
        slots.sort_unstable_by(|one, other| one.of.extension.cmp(&other.of.extension));
        slots
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.tenants.values().flat_map(|extensions| extensions.values())
    }

    /// Adds slots for names that are not in here.
    pub(crate) fn add(&mut self, slots: impl IntoIterator<Item = Arc<Slot>>) {
        for slot in slots {
            let extensions = Arc::make_mut(self.tenants.entry(slot.of.tenant.clone()).or_default());
            if extensions.insert(slot.of.extension.clone(), slot).is_none() {
                self.len += 1;
            }
        }
    }

    /// Removes this very slot, if it still stands for its name.
    pub(crate) fn remove(&mut self, slot: &Arc<Slot>) {
        let Owned { tenant, extension } = &slot.of;
        let Some(extensions) = self.tenants.get_mut(tenant) else { return };
        if extensions.get(extension).is_none_or(|present| !Arc::ptr_eq(present, slot)) {
            return;
        }
        let extensions = Arc::make_mut(extensions);
        extensions.remove(extension);
        self.len -= 1;
        if extensions.is_empty() {
            self.tenants.remove(tenant);
        }
    }
}
