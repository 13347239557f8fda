//! The walk over all sections, nested ones included.

use wasmparser::{BinaryReaderError, ElementItems, Encoding, Instance, MemoryType, Parser, Payload, TypeRef};

use super::{
    body,
    counts::Counts,
    types::{self, nested_types},
};
use crate::{form::METADATA_PREFIX, limits, place::FunctionAt};

/// One page of a memory.
const PAGE_BYTES: u64 = 64 << 10;
/// The description of a world may not hold another description.
const METADATA_DEPTH_MAX: u64 = 1;

/// Counts what is in `bytes`, up to where they do not hold together.
pub(super) fn walk(bytes: &[u8]) -> (Counts, Option<BinaryReaderError>) {
    let counts = Counts { memory_bytes_max: Some(0), ..Counts::default() };
    let mut walk = Walk { bytes, counts, depth: 0, metadata_depth: 0, next_function: 0 };
    let broken = walk.all().err();
    (walk.counts, broken)
}

struct Walk<'b> {
    bytes: &'b [u8],
    counts: Counts,
    depth: u64,
    metadata_depth: u64,
    /// The index of the next function of the running module.
    next_function: u32,
}

impl Walk<'_> {
    /// Stops at what is nested too deeply: nothing below it is read.
    fn all(&mut self) -> Result<(), BinaryReaderError> {
        for payload in Parser::new(0).parse_all(self.bytes) {
            self.take(payload?)?;
            if self.depth > limits::NESTING_MAX {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => self.next_function = 0,
            Payload::ModuleSection { .. } => {
                self.counts.modules += 1;
                self.enter();
            }
            Payload::ComponentSection { .. } => {
                self.counts.components += 1;
                self.enter();
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::CodeSectionStart { count, size, .. } => {
                self.counts.bodies += u64::from(count);
                self.counts.sizes.code += u64::from(size);
            }
            Payload::CodeSectionEntry(body) => {
                let at = FunctionAt { index: self.next_function, offset: body.range().start };
                self.next_function = self.next_function.saturating_add(1);
                body::measure(&body, at, &mut self.counts)?;
            }
            Payload::CustomSection(section) => self.custom(section.name(), section.data())?,
            Payload::StartSection { .. } | Payload::ComponentStartSection { .. } => self.counts.start_functions += 1,
            other => self.names_or_items(other)?,
        }
        Ok(())
    }

    fn names_or_items(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ImportSection(section) => self.imports(section)?,
            Payload::ExportSection(section) => {
                if self.count_names(section.count()) {
                    section.into_iter().try_for_each(|export| export.map(|export| self.name(export.name)))?;
                }
            }
            Payload::ComponentImportSection(section) => {
                if self.count_names(section.count()) {
                    section.into_iter().try_for_each(|import| import.map(|import| self.name(import.name.name)))?;
                }
            }
            Payload::ComponentExportSection(section) => {
                if self.count_names(section.count()) {
                    section.into_iter().try_for_each(|export| export.map(|export| self.name(export.name.name)))?;
                }
            }
            Payload::ComponentAliasSection(section) => self.counts.items += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => self.counts.items += u64::from(section.count()),
            other => self.types_or_storage(other)?,
        }
        Ok(())
    }

    fn types_or_storage(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        let counts = &mut self.counts;
        match payload {
            Payload::TypeSection(section) => {
                counts.types += u64::from(section.count());
                counts.sizes.types += section.range().len() as u64;
                counts.recursion_groups += types::foreign(self.bytes, section.range());
            }
            Payload::CoreTypeSection(section) => counts.types += u64::from(section.count()) + nested_types(counts, self.bytes, section.range()),
            Payload::ComponentTypeSection(section) => counts.types += u64::from(section.count()) + nested_types(counts, self.bytes, section.range()),
            Payload::FunctionSection(section) => counts.functions += u64::from(section.count()),
            Payload::InstanceSection(section) => {
                for instance in section {
                    let made = matches!(instance?, Instance::Instantiate { .. });
                    counts.instantiations += u64::from(made);
                    counts.instances += u64::from(!made);
                }
            }
            Payload::ComponentInstanceSection(section) => counts.instances += u64::from(section.count()),
            Payload::GlobalSection(section) => counts.globals += u64::from(section.count()),
            Payload::DataSection(section) => {
                counts.data_segments += u64::from(section.count());
                counts.data_bytes += section.range().len() as u64;
                counts.sizes.data += section.range().len() as u64;
            }
            Payload::MemorySection(section) => section.into_iter().try_for_each(|memory| memory.map(|memory| counts.memory(memory)))?,
            Payload::TableSection(section) => {
                for table in section {
                    counts.tables += 1;
                    counts.table_elements_max = counts.table_elements_max.max(table?.ty.initial);
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    counts.elements += match element?.items {
                        ElementItems::Functions(items) => u64::from(items.count()),
                        ElementItems::Expressions(_, items) => u64::from(items.count()),
                    };
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self) {
        self.depth += 1;
        self.counts.depth_max = self.counts.depth_max.max(self.depth);
    }

    fn imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), BinaryReaderError> {
        if !self.count_names(section.count()) {
            return Ok(());
        }
        for import in section.into_imports() {
            let import = import?;
            self.name(import.module);
            self.name(import.name);
            // A memory that is imported was counted where it is made.
            if matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                self.next_function = self.next_function.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Whether they are few enough to be read.
    fn count_names(&mut self, count: u32) -> bool {
        self.counts.names += u64::from(count);
        self.counts.names <= limits::NAMES_MAX
    }

    fn name(&mut self, name: &str) {
        let bytes = name.len() as u64;
        self.counts.names_bytes += bytes;
        self.counts.name_bytes_max = self.counts.name_bytes_max.max(bytes);
    }

    /// Debug sections are dropped later; a world's description is WebAssembly of its own.
    fn custom(&mut self, name: &str, data: &[u8]) -> Result<(), BinaryReaderError> {
        self.counts.custom_sections += 1;
        if name.starts_with(".debug_") {
            return Ok(());
        }
        let bytes = data.len() as u64;
        self.counts.custom_bytes += bytes;
        if name == "name" {
            self.counts.sizes.names += bytes;
        } else {
            self.counts.sizes.custom += bytes;
        }
        if !name.starts_with(METADATA_PREFIX) || self.metadata_depth == METADATA_DEPTH_MAX {
            return Ok(());
        }
        self.counts.metadata_bytes += bytes;
        if self.counts.metadata_bytes > limits::METADATA_BYTES_MAX || !data.starts_with(b"\0asm") {
            return Ok(()); // counted, or refused by the encoder
        }
        self.description(data)
    }

    fn description(&mut self, data: &[u8]) -> Result<(), BinaryReaderError> {
        let counts = std::mem::take(&mut self.counts);
        let mut inner = Walk { bytes: data, counts, depth: 0, metadata_depth: self.metadata_depth + 1, next_function: 0 };
        let read = inner.all();
        self.counts = inner.counts;
        read
    }
}

impl Counts {
    fn memory(&mut self, memory: MemoryType) {
        let bytes = |pages: u64| pages.saturating_mul(PAGE_BYTES);
        self.memories += 1;
        self.memory_bytes = self.memory_bytes.saturating_add(bytes(memory.initial));
        self.memory_bytes_max = self.memory_bytes_max.zip(memory.maximum).map(|(sum, max)| sum.saturating_add(bytes(max)));
    }
}
