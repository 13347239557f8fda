//! The records of all tenants: found without a lock, also while others come and go.
//!
//! Each compartment is replaced as a whole when a tenant comes or goes, which is
//! rare; whoever looks meanwhile sees the one before.

use std::{hash::BuildHasher, sync::Arc};

use arc_swap::ArcSwap;
use extensions_types::{Environment, TenantId, Weight};

use crate::tenant::Tenant;

/// So many that one holds few of ten thousand tenants, and is cheaply replaced.
const COMPARTMENTS: usize = 256;

#[derive(Debug, Clone)]
struct Slot {
    hash: u64,
    tenant: Arc<Tenant>,
}

#[derive(Debug)]
pub(crate) struct Shelf {
    /// Each ordered by hash. Tenants' names are no secret, the hash's key is.
    compartments: Box<[ArcSwap<Vec<Slot>>]>,
    hasher: std::hash::RandomState,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { compartments: (0..COMPARTMENTS).map(|_| ArcSwap::default()).collect(), hasher: std::hash::RandomState::new() }
    }
}

impl Shelf {
    /// A tenant's record, made where there is none.
    pub(crate) fn open(&self, env: Environment, id: &TenantId, weight: Weight, now: u64) -> Arc<Tenant> {
        let hash = self.hash(env, id);
        if let Some(found) = self.find(hash, env, id) {
            return found;
        }
        let made = Slot { hash, tenant: Arc::new(Tenant::new(env, id.clone(), weight, now)) };
        self.compartment(hash).rcu(|slots| {
            let mut others: Vec<Slot> = slots.iter().filter(|slot| !slot.tenant.is_closed()).cloned().collect();
            if others.iter().all(|slot| !slot.is(hash, env, id)) {
                let at = others.partition_point(|slot| slot.hash < hash);
                others.insert(at, made.clone());
            }
            others
        });
        // It is there, unless it was put away at once, or another one is.
        self.find(hash, env, id).unwrap_or(made.tenant)
    }

    /// The same, where there is one.
    pub(crate) fn known(&self, env: Environment, id: &TenantId) -> Option<Arc<Tenant>> {
        self.find(self.hash(env, id), env, id)
    }

    pub(crate) fn each(&self, mut see: impl FnMut(&Tenant)) {
        for compartment in &self.compartments {
            compartment.load().iter().for_each(|slot| see(&slot.tenant));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.compartments.iter().map(|compartment| compartment.load().len()).sum()
    }

    /// Puts away the records that have nothing to remember.
    pub(crate) fn sweep(&self, now: u64) {
        for compartment in &self.compartments {
            let mut closed = false;
            for slot in compartment.load().iter() {
                slot.tenant.sweep(now);
                closed |= slot.tenant.close(now);
            }
            if closed {
                compartment.rcu(|slots| slots.iter().filter(|slot| !slot.tenant.is_closed()).cloned().collect::<Vec<_>>());
            }
        }
    }

    fn hash(&self, env: Environment, id: &TenantId) -> u64 {
        self.hasher.hash_one((env as u8, id))
    }

    fn compartment(&self, hash: u64) -> &ArcSwap<Vec<Slot>> {
        // The low bits choose, the order is by all.
        &self.compartments[usize::try_from(hash % COMPARTMENTS as u64).unwrap_or(0)]
    }

    fn find(&self, hash: u64, env: Environment, id: &TenantId) -> Option<Arc<Tenant>> {
        let slots = self.compartment(hash).load();
        let from = slots.partition_point(|slot| slot.hash < hash);
        let found = slots[from..].iter().take_while(|slot| slot.hash == hash).find(|slot| slot.is(hash, env, id))?;
        (!found.tenant.is_closed()).then(|| Arc::clone(&found.tenant))
    }
}

impl Slot {
    fn is(&self, hash: u64, env: Environment, id: &TenantId) -> bool {
        self.hash == hash && self.tenant.env == env && self.tenant.id == *id
    }
}
