//! One version's breaker, shared by the threads that call it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use extensions_types::ExtensionDefinition;

use crate::machine::Machine;

/// Names a version: a hash of its definition, and the definition itself to tell
/// versions apart whose hashes are the same.
#[derive(Debug, Clone, Copy)]
pub struct Key<'k> {
    /// Of the definition's content; need not be secret, but spread.
    pub hash: u64,
    /// The version.
    pub definition: &'k Arc<ExtensionDefinition>,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    hash: u64,
    definition: Arc<ExtensionDefinition>,
    /// Taken by calls of this version alone, and only while it has had trouble lately.
    machine: Mutex<Machine>,
}

impl Breaker {
    pub(crate) fn new(key: Key<'_>, machine: Machine) -> Self {
        Self { hash: key.hash, definition: Arc::clone(key.definition), machine: Mutex::new(machine) }
    }

    pub(crate) fn is_of(&self, key: Key<'_>) -> bool {
        let (own, other) = (&self.definition, key.definition);
        let same = || (&own.tenant_id, &own.id, own.version) == (&other.tenant_id, &other.id, other.version);
        self.hash == key.hash && (Arc::ptr_eq(own, other) || same())
    }

    pub(crate) fn definition(&self) -> &ExtensionDefinition {
        &self.definition
    }

    pub(crate) fn machine(&self) -> MutexGuard<'_, Machine> {
        // Each change of a machine is whole by itself.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
