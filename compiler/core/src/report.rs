//! What a check found out: every reason, the facts, and the component if there is no reason.

use extensions_types::{Abi, Kind};
use serde::Serialize;

use crate::{
    conform::Conformance,
    digest::sha256_hex,
    finding::{Finding, Findings},
    limits::COMPACT_BYTES_MAX,
    prescan::{Counts, Sizes},
    surface::Surface,
};

/// The outcome of a check.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Every reason against serving it; empty when it may be served.
    pub findings: Vec<Finding>,
    /// What is known about the component, as far as there is one.
    pub facts: Option<Facts>,
    /// The component that may be served, when nothing speaks against it.
    #[serde(skip)]
    pub component: Option<Vec<u8>>,
}

/// What is known about a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The component's bytes.
    pub size: usize,
    /// SHA-256 of the component, as lowercase hex.
    pub digest: String,
    /// What it implements, where that is one of our worlds; none for the plain one.
    pub kind: Option<Kind>,
    /// How it is called.
    pub abi: Abi,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The memory that an instance starts with.
    pub initial_memory_bytes: u64,
    /// The most that its memories may grow to by their own account; none where one says nothing.
    pub memory_bytes_max: Option<u64>,
    /// Whether a host resets its memory without a system call.
    pub compact: bool,
    /// Why it is not compact; empty when it is.
    pub not_compact: Vec<String>,
    /// Whether its code can ask for more memory. Most allocators can; a small rule never does.
    pub may_grow_memory: bool,
    /// Functions that run when an instance is made.
    pub start_functions: u64,
    /// Functions with a body.
    pub functions: u64,
    /// What its bytes are made of; they sum up to `size`.
    pub sections: Vec<SectionBytes>,
}

/// Bytes of one sort of section, nested modules included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SectionBytes {
    /// `code`, `data`, `types`, `names`, `custom`, `other`.
    pub name: &'static str,
    /// How many bytes.
    pub bytes: u64,
}

impl Report {
    /// Whether it may be served.
    #[must_use]
    pub fn is_servable(&self) -> bool {
        self.component.is_some()
    }

    /// The report where there is no component.
    pub(crate) fn refused(findings: Findings) -> Self {
        Self { findings: findings.into_vec(), facts: None, component: None }
    }

    pub(crate) fn of(component: Vec<u8>, facts: Facts, findings: Findings) -> Self {
        let component = findings.is_empty().then_some(component);
        Self { findings: findings.into_vec(), facts: Some(facts), component }
    }
}

impl Facts {
    pub(crate) fn of(component: &[u8], surface: &Surface, counts: &Counts, conformance: &Conformance) -> Self {
        let not_compact = not_compact(counts);
        let mut imports = surface.imports.clone();
        imports.sort();
        imports.dedup();
        Self {
            size: component.len(),
            digest: sha256_hex(component),
            kind: conformance.kind,
            abi: conformance.abi,
            imports,
            initial_memory_bytes: counts.memory_bytes,
            memory_bytes_max: counts.memory_bytes_max,
            compact: not_compact.is_empty(),
            not_compact,
            may_grow_memory: counts.grows_memory,
            start_functions: counts.start_functions,
            functions: counts.bodies,
            sections: sections(component.len() as u64, counts.sizes),
        }
    }
}

fn sections(all: u64, Sizes { code, data, names, custom, types }: Sizes) -> Vec<SectionBytes> {
    let other = all.saturating_sub(code + data + names + custom + types);
    let rows = [("code", code), ("data", data), ("types", types), ("names", names), ("custom", custom), ("other", other)];
    rows.into_iter().map(|(name, bytes)| SectionBytes { name, bytes }).collect()
}

fn not_compact(counts: &Counts) -> Vec<String> {
    let mut why = Vec::new();
    if counts.memory_bytes > COMPACT_BYTES_MAX {
        why.push(format!(
            "it starts with {} KiB of memory, a host resets {} KiB without a system call",
            counts.memory_bytes >> 10,
            COMPACT_BYTES_MAX >> 10
        ));
    }
    if counts.memories > 1 {
        why.push(format!("it has {} memories", counts.memories));
    }
    why
}
