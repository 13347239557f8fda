//! The pool of slots that instances live in: sized once, at start.

use wasmtime::{Enabled, PoolingAllocationConfig};

use crate::{KEEP_RESIDENT_BYTES, MemoryReset};

/// A component of ours is one core instance and a few shims; more is odd.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
/// Our worlds need one memory; a second one leaves room for adapters.
const MEMORIES_PER_COMPONENT: u32 = 2;
/// One function table and the shims' own.
const TABLES_PER_COMPONENT: u32 = 8;
/// Function pointers of a guest; 8 bytes each.
const TABLE_ELEMENTS: usize = 20_000;
/// Largest memory that any definition may ask for.
const MEMORY_BYTES_MAX: usize = 256 << 20;
/// Slots are free again at once. Queued ones would save guests that outgrow the window some TLB shootdowns, but in
/// wasmtime 48 even a slot with nothing to decommit waits for its batch: eight memories of a compact guest then take
/// turns, and each call writes into one that has left the core's cache.
const DECOMMIT_BATCH: usize = 1;
/// wasmtime gives each core its own list of free slots only where there are so
/// many; slots that are never used cost address space alone.
const SHARDED_SLOTS_MIN: u32 = 128;
/// It gives no more cores one than this.
const LISTS_MAX: u32 = 16;
/// While a core has so many used slots free, it takes one of them rather than a new one: any slot suits any
/// component. Of those it takes the one that was idle longest, so more than one would only cool them.
const WARM_SLOTS_PER_CORE: u32 = 1;

/// How many instances a host can have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Live instances: running, or waiting in the slow lane.
    pub instances: u32,
}

impl PoolSize {
    pub(crate) fn config(self, reset: MemoryReset) -> PoolingAllocationConfig {
        let slots = self.instances.max(SHARDED_SLOTS_MIN);
        let mut pool = PoolingAllocationConfig::new();
        // Every slot can take the largest component: one tenant's odd ones never use up another's.
        pool.total_component_instances(slots)
            .total_core_instances(slots.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
            .total_memories(slots.saturating_mul(MEMORIES_PER_COMPONENT))
            .total_tables(slots.saturating_mul(TABLES_PER_COMPONENT))
            .total_stacks(slots)
            .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
            .max_memories_per_component(MEMORIES_PER_COMPONENT)
            .max_tables_per_component(TABLES_PER_COMPONENT)
            .table_elements(TABLE_ELEMENTS)
            .max_memory_size(MEMORY_BYTES_MAX)
            .max_unused_warm_slots(cores() * WARM_SLOTS_PER_CORE)
            .decommit_batch_size(DECOMMIT_BATCH)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(16 << 10)
            .pagemap_scan(match reset {
                MemoryReset::Keep => Enabled::No,
                MemoryReset::Scan => Enabled::Yes,
            });
        pool
    }
}

/// As many as wasmtime gives lists of free slots to.
fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)).min(LISTS_MAX)
}
