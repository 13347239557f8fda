//! Counts before anything heavier: one pass over the sections, nothing allocated by what they claim.

use wasmparser::{BinaryReaderError, ElementItems, FunctionBody, Instance, Operator, Parser, Payload};

use crate::{
    finding::{Code, Finding, Step},
    form::METADATA_PREFIX,
    limits::{self, INPUT_BYTES_MAX},
    report::Builder,
};

/// One page of a memory.
const PAGE_BYTES: u64 = 64 << 10;
/// The description of a world may not hold another description.
const METADATA_DEPTH_MAX: u64 = 1;

/// How many of each, over everything nested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    depth: u64,
    depth_max: u64,
    modules: u64,
    components: u64,
    instantiations: u64,
    instances: u64,
    types: u64,
    names: u64,
    items: u64,
    functions: u64,
    function_bytes_max: u64,
    globals: u64,
    tables: u64,
    table_elements_max: u64,
    elements: u64,
    data_segments: u64,
    custom_sections: u64,
    custom_bytes: u64,
    metadata_bytes: u64,
    pub(crate) memories: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) start_functions: u64,
    pub(crate) grows_memory: bool,
}

/// Checks the bytes as they came.
pub(crate) fn input(bytes: &[u8], report: &mut Builder) {
    if bytes.len() > INPUT_BYTES_MAX {
        report.add(too_large(Step::Prescan, bytes.len(), INPUT_BYTES_MAX));
        return;
    }
    if !bytes.starts_with(b"\0asm") {
        report.add(Finding { step: Step::Prescan, ..crate::Form::NotWasm.finding() });
        return;
    }
    counts(bytes, report);
}

/// Counts `bytes` and reports each number that is too high.
pub(crate) fn counts(bytes: &[u8], report: &mut Builder) -> Counts {
    let mut counts = Counts::default();
    if let Err(error) = counts.scan(bytes, 0) {
        let message = format!("its sections do not hold together: {} at byte {}", error.message(), error.offset());
        report.add(Finding::new(Step::Prescan, Code::Malformed, message, "build it again; the file may be cut off"));
    }
    for (what, number, max) in counts.rows() {
        if number > max {
            let remedy = "a small rule needs far fewer: look for what a dependency brings along";
            report.add(Finding::new(Step::Prescan, Code::TooMany, format!("{number} {what}, at most {max} are accepted"), remedy));
        }
    }
    counts
}

pub(crate) fn too_large(step: Step, bytes: usize, max: usize) -> Finding {
    let message = format!("it has {bytes} bytes, at most {max} are accepted");
    Finding::new(step, Code::TooLarge, message, "build it optimised for size, with LTO and without debug information")
}

impl Counts {
    fn rows(&self) -> [(&'static str, u64, u64); 20] {
        [
            ("levels of nesting", self.depth_max, limits::NESTING_MAX),
            ("core modules", self.modules, limits::MODULES_MAX),
            ("nested components", self.components, limits::COMPONENTS_MAX),
            ("module instantiations", self.instantiations, limits::INSTANTIATIONS_MAX),
            ("instances", self.instances, limits::INSTANCES_MAX),
            ("types", self.types, limits::TYPES_MAX),
            ("imports and exports", self.names, limits::NAMES_MAX),
            ("aliases and canonical functions", self.items, limits::ITEMS_MAX),
            ("functions", self.functions, limits::FUNCTIONS_MAX),
            ("bytes in one function", self.function_bytes_max, limits::FUNCTION_BYTES_MAX),
            ("globals", self.globals, limits::GLOBALS_MAX),
            ("tables", self.tables, limits::TABLES_MAX),
            ("elements in one table", self.table_elements_max, limits::TABLE_ELEMENTS_MAX),
            ("elements in segments", self.elements, limits::ELEMENTS_MAX),
            ("data segments", self.data_segments, limits::DATA_SEGMENTS_MAX),
            ("custom sections", self.custom_sections, limits::CUSTOM_SECTIONS_MAX),
            ("bytes in custom sections", self.custom_bytes, limits::CUSTOM_BYTES_MAX),
            ("bytes that describe its world", self.metadata_bytes, limits::METADATA_BYTES_MAX),
            ("memories", self.memories, limits::MEMORIES_MAX),
            ("bytes of memory at the start", self.memory_bytes, limits::MEMORY_BYTES_MAX),
        ]
    }

    /// Stops at what is nested too deeply: nothing below it is read.
    fn scan(&mut self, bytes: &[u8], metadata_depth: u64) -> Result<(), BinaryReaderError> {
        for payload in Parser::new(0).parse_all(bytes) {
            self.take(payload?, metadata_depth)?;
            if self.depth > limits::NESTING_MAX {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, payload: Payload<'_>, metadata_depth: u64) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                self.enter();
            }
            Payload::ComponentSection { .. } => {
                self.components += 1;
                self.enter();
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ImportSection(section) => self.names += u64::from(section.count()),
            Payload::ExportSection(section) => self.names += u64::from(section.count()),
            Payload::ComponentImportSection(section) => self.names += u64::from(section.count()),
            Payload::ComponentExportSection(section) => self.names += u64::from(section.count()),
            Payload::ComponentAliasSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items += u64::from(section.count()),
            Payload::InstanceSection(section) => {
                for instance in section {
                    let made = matches!(instance?, Instance::Instantiate { .. });
                    self.instantiations += u64::from(made);
                    self.instances += u64::from(!made);
                }
            }
            Payload::ComponentInstanceSection(section) => self.instances += u64::from(section.count()),
            Payload::GlobalSection(section) => self.globals += u64::from(section.count()),
            Payload::DataSection(section) => self.data_segments += u64::from(section.count()),
            Payload::StartSection { .. } | Payload::ComponentStartSection { .. } => self.start_functions += 1,
            Payload::CodeSectionStart { count, .. } => self.functions += u64::from(count),
            Payload::CodeSectionEntry(body) => self.function(&body)?,
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories += 1;
                    self.memory_bytes = self.memory_bytes.saturating_add(memory?.initial.saturating_mul(PAGE_BYTES));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables += 1;
                    self.table_elements_max = self.table_elements_max.max(table?.ty.initial);
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    self.elements += match element?.items {
                        ElementItems::Functions(items) => u64::from(items.count()),
                        ElementItems::Expressions(_, items) => u64::from(items.count()),
                    };
                }
            }
            Payload::CustomSection(section) => self.custom(section.name(), section.data(), metadata_depth)?,
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self) {
        self.depth += 1;
        self.depth_max = self.depth_max.max(self.depth);
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), BinaryReaderError> {
        self.function_bytes_max = self.function_bytes_max.max(body.range().len() as u64);
        if self.grows_memory {
            return Ok(());
        }
        for operator in body.get_operators_reader()? {
            if matches!(operator?, Operator::MemoryGrow { .. }) {
                self.grows_memory = true;
                break;
            }
        }
        Ok(())
    }

    /// Debug sections are dropped later; a world's description is WebAssembly of its own.
    fn custom(&mut self, name: &str, data: &[u8], metadata_depth: u64) -> Result<(), BinaryReaderError> {
        self.custom_sections += 1;
        if name.starts_with(".debug_") {
            return Ok(());
        }
        self.custom_bytes += data.len() as u64;
        if !name.starts_with(METADATA_PREFIX) || metadata_depth == METADATA_DEPTH_MAX {
            return Ok(());
        }
        self.metadata_bytes += data.len() as u64;
        if self.metadata_bytes > limits::METADATA_BYTES_MAX || !data.starts_with(b"\0asm") {
            return Ok(()); // counted, or refused by the encoder
        }
        let depth = std::mem::take(&mut self.depth);
        let scanned = self.scan(data, metadata_depth + 1);
        self.depth = depth;
        scanned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> (Counts, Vec<String>) {
        let mut report = Builder::default();
        let counts = counts(&wat::parse_str(text).unwrap(), &mut report);
        (counts, report.refuse().findings.into_iter().map(|finding| finding.message).collect())
    }

    #[test]
    fn a_component_is_counted_with_all_that_is_nested() {
        let (counts, findings) = scan(
            "(component (core module (memory 3) (table 5 funcref) (func $f (drop (memory.grow (i32.const 1)))) (start $f)) (component (core module)))",
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!((counts.modules, counts.components, counts.depth_max), (2, 1, 2));
        assert_eq!((counts.memory_bytes, counts.start_functions, counts.grows_memory), (3 * PAGE_BYTES, 1, true));
    }

    #[test]
    fn each_number_that_is_too_high_is_named() {
        let memories = "(memory 5000) (memory 1) (memory 1)";
        let (_, findings) = scan(&format!("(component (core module {memories} (table 30000 funcref)))"));
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings.iter().any(|finding| finding.contains("3 memories, at most 2")));
    }

    #[test]
    fn deep_nesting_is_refused_unread() {
        let deep = format!("{}{}", "(component ".repeat(60), ")".repeat(60));
        let (counts, findings) = scan(&deep);
        assert_eq!((counts.depth_max, findings.len()), (limits::NESTING_MAX + 1, 1));
    }

    #[test]
    fn a_cut_off_file_is_malformed() {
        let bytes = wat::parse_str("(module (memory 1) (func))").unwrap();
        let mut report = Builder::default();
        input(&bytes[..bytes.len() - 1], &mut report);
        assert_eq!(report.refuse().findings[0].code, Code::Malformed);
    }

    #[test]
    fn a_huge_file_is_refused_unread() {
        let mut report = Builder::default();
        input(&vec![0; INPUT_BYTES_MAX + 1], &mut report);
        assert_eq!(report.refuse().findings[0].code, Code::TooLarge);
    }
}
