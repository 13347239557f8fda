//! What one thread counted of extensions since it last handed it over: a small
//! table by the address of the definition, so that no name is hashed for a call.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use extensions_types::ExtensionDefinition;

use super::busiest::Counts;

/// Definitions in the table, 1.5 MiB of a thread's; then it is handed over, as at each
/// scrape. Names are hashed and copied then: that is not for every call.
const RECENT_MAX: usize = 16 << 10;

/// Counts by definition. The table keeps definitions alive, so that no other
/// one has an address of its own meanwhile.
#[derive(Debug, Default)]
pub(super) struct Recent(HashMap<usize, (Arc<ExtensionDefinition>, Counts), BuildHasherDefault<OfAddress>>);

impl Recent {
    pub(super) fn add(&mut self, definition: &Arc<ExtensionDefinition>, counts: Counts) {
        let entry = self.0.entry(Arc::as_ptr(definition).addr());
        entry.or_insert_with(|| (Arc::clone(definition), Counts::default())).1 += counts;
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= RECENT_MAX
    }

    /// All that it holds.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&ExtensionDefinition, Counts)> {
        self.0.values().map(|(definition, counts)| (&**definition, *counts))
    }
}

/// Addresses are spread by their low bits, which alignment takes away.
#[derive(Debug, Default)]
struct OfAddress(u64);

impl Hasher for OfAddress {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only addresses are hashed.
        bytes.iter().for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_usize(&mut self, address: usize) {
        // Fibonacci hashing: the table takes its tag from the high bits and its slot from the low ones.
        let mixed = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
