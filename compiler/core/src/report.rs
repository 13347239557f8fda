//! What a check found out: every reason, the facts, and the component if there is no reason.

use std::collections::BTreeSet;

use extensions_types::Kind;
use serde::Serialize;

use crate::{
    digest::sha256_hex,
    finding::{Finding, Step},
    limits::{COMPACT_BYTES_MAX, COMPONENT_BYTES_MAX},
    prescan::{self, Counts},
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

impl Report {
    /// Whether it may be served.
    #[must_use]
    pub fn is_servable(&self) -> bool {
        self.component.is_some()
    }
}

/// What is known about a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The component's bytes.
    pub size: usize,
    /// SHA-256 of the component, as lowercase hex.
    pub digest: String,
    /// What it implements, where that is one of our worlds.
    pub kind: Option<Kind>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The memory that an instance starts with.
    pub initial_memory_bytes: u64,
    /// Whether a host resets its memory without a system call.
    pub compact: bool,
    /// Why it is not compact; empty when it is.
    pub not_compact: Vec<String>,
    /// Whether its code can ask for more memory. Most allocators can; a small rule never does.
    pub may_grow_memory: bool,
    /// Functions that run when an instance is made.
    pub start_functions: u64,
}

/// A report that is being made.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    findings: Vec<Finding>,
    counts: Counts,
    pub(crate) kind: Option<Kind>,
    pub(crate) imports: BTreeSet<String>,
}

impl Builder {
    pub(crate) fn add(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Counts the finished component; an input that passed may still have grown too large.
    pub(crate) fn examine(&mut self, component: &[u8]) {
        if component.len() > COMPONENT_BYTES_MAX {
            self.add(prescan::too_large(Step::Prescan, component.len(), COMPONENT_BYTES_MAX));
            return;
        }
        self.counts = prescan::counts(component, self);
    }

    pub(crate) fn refuse(self) -> Report {
        Report { findings: self.findings, facts: None, component: None }
    }

    pub(crate) fn finish(self, component: Vec<u8>) -> Report {
        let not_compact = not_compact(&self.counts);
        let facts = Facts {
            size: component.len(),
            digest: sha256_hex(&component),
            kind: self.kind,
            imports: self.imports.into_iter().collect(),
            initial_memory_bytes: self.counts.memory_bytes,
            compact: not_compact.is_empty(),
            not_compact,
            may_grow_memory: self.counts.grows_memory,
            start_functions: self.counts.start_functions,
        };
        let component = self.findings.is_empty().then_some(component);
        Report { findings: self.findings, facts: Some(facts), component }
    }
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
