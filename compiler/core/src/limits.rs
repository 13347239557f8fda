//! How large and how many, before anything heavier reads the bytes. A real rule is far below each.

/// What is read at all: a component with its debug sections.
pub const INPUT_BYTES_MAX: usize = 8 << 20;
/// A component as it is stored: compiling costs some 50 ms for each 100 KB.
pub const COMPONENT_BYTES_MAX: usize = 4 << 20;
/// A compact guest's memory: what a host resets without a system call.
pub const COMPACT_BYTES_MAX: u64 = 384 << 10;
/// The description of a module's world; ours has 1.3 KB.
pub(crate) const METADATA_BYTES_MAX: u64 = 64 << 10;
/// Names of functions and the like; several times those of a large guest.
pub(crate) const CUSTOM_BYTES_MAX: u64 = 2 << 20;
/// Compilers take more than linear time on one function.
pub(crate) const FUNCTION_BYTES_MAX: u64 = 512 << 10;
/// The largest toolchain's runtime has about 6,000.
pub(crate) const FUNCTIONS_MAX: u64 = 30_000;
/// Modules in components in components: a shim and a fixup stand beside the guest's module, one level down.
pub(crate) const NESTING_MAX: u64 = 4;
/// The guest's own module, its shim, its fixup and an adapter, with room.
pub(crate) const MODULES_MAX: u64 = 16;
/// One for each exported interface.
pub(crate) const COMPONENTS_MAX: u64 = 16;
/// A host's pool gives a component this many.
pub(crate) const INSTANTIATIONS_MAX: u64 = 16;
/// Bundles of exports that components pass around.
pub(crate) const INSTANCES_MAX: u64 = 200;
/// Core and component types together.
pub(crate) const TYPES_MAX: u64 = 10_000;
/// Imports and exports of every module and component together.
pub(crate) const NAMES_MAX: u64 = 10_000;
/// Aliases and canonical functions of components.
pub(crate) const ITEMS_MAX: u64 = 10_000;
/// A host's pool gives a component this many.
pub(crate) const MEMORIES_MAX: u64 = 2;
/// The largest memory limit of any definition.
pub(crate) const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// A host's pool gives a component this many.
pub(crate) const TABLES_MAX: u64 = 8;
/// A host's pool gives each table this many elements.
pub(crate) const TABLE_ELEMENTS_MAX: u64 = 20_000;
/// Elements of all segments.
pub(crate) const ELEMENTS_MAX: u64 = 100_000;
/// Each start copies all of them. A linker makes a handful, AssemblyScript one for each text.
pub(crate) const DATA_SEGMENTS_MAX: u64 = 5_000;
/// Toolchains make fewer than ten.
pub(crate) const GLOBALS_MAX: u64 = 2_000;
/// Names, producers, features, one per debug section.
pub(crate) const CUSTOM_SECTIONS_MAX: u64 = 200;
/// Locals of one function; optimised code has hundreds.
pub(crate) const LOCALS_MAX: u64 = 5_000;
/// Blocks within blocks; a `match` of a thousand arms makes a thousand.
pub(crate) const BLOCK_DEPTH_MAX: u64 = 4_000;
/// Targets of all `br_table`s of one function.
pub(crate) const BR_TABLE_TARGETS_MAX: u64 = 20_000;
/// One name of an import or export; ours have fewer than 60.
pub(crate) const NAME_BYTES_MAX: u64 = 1_024;
/// All those names: validators, encoders and linkers copy and compare each.
pub(crate) const NAMES_BYTES_MAX: u64 = 256 << 10;
/// The types of components; ours have 2 KB.
pub(crate) const COMPONENT_TYPE_BYTES_MAX: u64 = 64 << 10;
/// Types of components and instances, which may hold each other: readers recurse into them.
pub(crate) const NESTED_TYPES_MAX: u64 = 256;
/// Bytes of data segments; a rule with large tables has a tenth.
pub(crate) const DATA_BYTES_MAX: u64 = 2 << 20;
/// Garbage-collected types come in such groups, and hosts run none.
pub(crate) const RECURSION_GROUPS_MAX: u64 = 0;
/// Functions that run while an instance is made: a linker's and a fixup's, with room.
pub(crate) const START_FUNCTIONS_MAX: u64 = 4;
