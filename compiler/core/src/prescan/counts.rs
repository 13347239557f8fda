//! How many of each, over everything nested, and how many are accepted.

use crate::{limits, place::FunctionAt};

/// Numbers of one scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) depth_max: u64,
    pub(crate) modules: u64,
    pub(crate) components: u64,
    pub(crate) instantiations: u64,
    pub(crate) instances: u64,
    pub(crate) types: u64,
    pub(crate) recursion_groups: u64,
    pub(crate) component_type_bytes: u64,
    pub(crate) nested_types: u64,
    pub(crate) names: u64,
    pub(crate) name_bytes_max: u64,
    pub(crate) names_bytes: u64,
    pub(crate) items: u64,
    pub(crate) functions: u64,
    pub(crate) bodies: u64,
    pub(crate) largest: Largest,
    pub(crate) globals: u64,
    pub(crate) tables: u64,
    pub(crate) table_elements_max: u64,
    pub(crate) elements: u64,
    pub(crate) data_segments: u64,
    pub(crate) data_bytes: u64,
    pub(crate) custom_sections: u64,
    pub(crate) custom_bytes: u64,
    pub(crate) metadata_bytes: u64,
    pub(crate) memories: u64,
    pub(crate) memory_bytes: u64,
    /// The most that the memories may grow to together; none where one says nothing.
    pub(crate) memory_bytes_max: Option<u64>,
    pub(crate) start_functions: u64,
    pub(crate) grows_memory: bool,
    pub(crate) sizes: Sizes,
}

/// The largest of each measure of a function, and which function that is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Largest {
    pub(crate) bytes: Of,
    pub(crate) locals: Of,
    pub(crate) block_depth: Of,
    pub(crate) br_table_targets: Of,
}

/// One measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Of {
    pub(crate) number: u64,
    pub(crate) at: FunctionAt,
}

impl Of {
    pub(crate) fn see(&mut self, number: u64, at: FunctionAt) {
        if number > self.number {
            *self = Self { number, at };
        }
    }
}

/// Bytes by what they are, nested modules included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) code: u64,
    pub(crate) data: u64,
    pub(crate) names: u64,
    pub(crate) custom: u64,
    pub(crate) types: u64,
}

/// A number and what it may be at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) number: u64,
    pub(crate) max: u64,
    pub(crate) at: Option<FunctionAt>,
}

impl Counts {
    pub(crate) fn rows(&self) -> Vec<Row> {
        let whole = |(what, number, max)| Row { what, number, max, at: None };
        let one = |(what, of, max): (_, Of, _)| Row { what, number: of.number, max, at: Some(of.at) };
        self.of_all().into_iter().map(whole).chain(self.of_functions().into_iter().map(one)).collect()
    }

    fn of_functions(&self) -> [(&'static str, Of, u64); 4] {
        [
            ("bytes in one function", self.largest.bytes, limits::FUNCTION_BYTES_MAX),
            ("locals in one function", self.largest.locals, limits::LOCALS_MAX),
            ("blocks within blocks", self.largest.block_depth, limits::BLOCK_DEPTH_MAX),
            ("br_table targets in one function", self.largest.br_table_targets, limits::BR_TABLE_TARGETS_MAX),
        ]
    }

    fn of_all(&self) -> [(&'static str, u64, u64); 25] {
        [
            ("levels of nesting", self.depth_max, limits::NESTING_MAX),
            ("core modules", self.modules, limits::MODULES_MAX),
            ("nested components", self.components, limits::COMPONENTS_MAX),
            ("module instantiations", self.instantiations, limits::INSTANTIATIONS_MAX),
            ("instances", self.instances, limits::INSTANCES_MAX),
            ("types", self.types, limits::TYPES_MAX),
            ("recursion groups and types for garbage collection", self.recursion_groups, limits::RECURSION_GROUPS_MAX),
            ("bytes of component types", self.component_type_bytes, limits::COMPONENT_TYPE_BYTES_MAX),
            ("types of components and instances", self.nested_types, limits::NESTED_TYPES_MAX),
            ("imports and exports", self.names, limits::NAMES_MAX),
            ("bytes in one name", self.name_bytes_max, limits::NAME_BYTES_MAX),
            ("bytes in names of imports and exports", self.names_bytes, limits::NAMES_BYTES_MAX),
            ("aliases and canonical functions", self.items, limits::ITEMS_MAX),
            // A function is declared in one section and has its body in another; either may lie.
            ("functions", self.functions.max(self.bodies), limits::FUNCTIONS_MAX),
            ("globals", self.globals, limits::GLOBALS_MAX),
            ("tables", self.tables, limits::TABLES_MAX),
            ("elements in one table", self.table_elements_max, limits::TABLE_ELEMENTS_MAX),
            ("elements in segments", self.elements, limits::ELEMENTS_MAX),
            ("data segments", self.data_segments, limits::DATA_SEGMENTS_MAX),
            ("bytes of data", self.data_bytes, limits::DATA_BYTES_MAX),
            ("custom sections", self.custom_sections, limits::CUSTOM_SECTIONS_MAX),
            ("bytes in custom sections", self.custom_bytes, limits::CUSTOM_BYTES_MAX),
            ("bytes that describe its world", self.metadata_bytes, limits::METADATA_BYTES_MAX),
            ("memories", self.memories, limits::MEMORIES_MAX),
            ("bytes of memory at the start", self.memory_bytes, limits::MEMORY_BYTES_MAX),
        ]
    }
}
