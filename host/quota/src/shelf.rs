//! The records of all tenants: found without a lock, also while others come and go.
//!
//! Each compartment is replaced as a whole when a tenant comes or goes, which is
//! rare; whoever looks meanwhile sees the one before.

use std::sync::Arc;

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
    hasher: ahash::RandomState,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { compartments: (0..COMPARTMENTS).map(|_| ArcSwap::default()).collect(), hasher: ahash::RandomState::new() }
    }
}

impl Shelf {
    /// A tenant's record, made where there is none.
    pub(crate) fn open(&self, env: Environment, id: &TenantId, weight: Weight, now: u64) -> Arc<Tenant> {
        let hash = self.hash(env, id);
        loop {
            if let Some(found) = self.find(hash, env, id) {
                return found;
            }
            let made = Slot { hash, tenant: Arc::new(Tenant::new(env, id.clone(), weight, now)) };
            self.compartment(hash).rcu(|slots| with(slots, &made));
        }
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

/// With another one, where its tenant has none, and without those that are closed.
fn with(slots: &[Slot], made: &Slot) -> Vec<Slot> {
    let mut slots: Vec<Slot> = slots.iter().filter(|slot| !slot.tenant.is_closed()).cloned().collect();
    if !slots.iter().any(|slot| slot.is(made.hash, made.tenant.env, &made.tenant.id)) {
        let at = slots.partition_point(|slot| slot.hash < made.hash);
        slots.insert(at, made.clone());
    }
    slots
}

impl Slot {
    fn is(&self, hash: u64, env: Environment, id: &TenantId) -> bool {
        self.hash == hash && self.tenant.env == env && self.tenant.id == *id
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;

    /// What the counts of an `Arc` and its allocation take beside its content.
    const ARC_BYTES: usize = 2 * size_of::<usize>();
    const TENANTS: usize = 10_000;

    /// Everything that a tenant's record is made of, as its types say it: a name of
    /// the longest, and vectors that have grown to twice what is in them.
    #[test]
    fn ten_thousand_tenants_take_little_memory() {
        let shelf = Shelf::default();
        let name = |at: usize| TenantId::parse(&format!("{at:043}")).unwrap();
        (0..TENANTS).for_each(|at| drop(shelf.open(Environment::Prod, &name(at), Weight::DEFAULT, 1)));
        assert_eq!(shelf.len(), TENANTS);
        let slots: usize = shelf.compartments.iter().map(|compartment| compartment.load().capacity() * size_of::<Slot>()).sum();
        let compartments = COMPARTMENTS * (size_of::<ArcSwap<Vec<Slot>>>() + ARC_BYTES + size_of::<Vec<Slot>>());
        let extensions = ARC_BYTES + size_of::<Vec<Arc<crate::tenant::Limit>>>();
        let record = ARC_BYTES + size_of::<Tenant>() + 43 + ARC_BYTES + size_of::<extensions_fair::Share>() + extensions;
        let each = (slots + compartments) / TENANTS + record;
        assert!(each <= 1 << 10, "{each} bytes each: half of what a tenant may take, the rest is its limited extensions'");
        let limited = ARC_BYTES + size_of::<crate::tenant::Limit>() + 63 + size_of::<usize>();
        assert!(each + 2 * limited <= 2 << 10, "{limited} bytes for each extension with limits of its own");
    }

    #[test]
    fn a_tenant_has_one_record_in_each_environment() {
        let shelf = Shelf::default();
        let acme = TenantId::parse("acme").unwrap();
        let of = |env| shelf.open(env, &acme, Weight::DEFAULT, 1);
        assert!(Arc::ptr_eq(&of(Environment::Dev), &of(Environment::Dev)));
        assert!(!Arc::ptr_eq(&of(Environment::Dev), &of(Environment::Prod)));
        assert!(shelf.known(Environment::Staging, &acme).is_none());
    }
}
