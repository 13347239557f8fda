//! Everything that a run measured, and its forms: a table on a terminal, JSON for
//! programs, and what is kept in the repository.

mod chart;
mod kept;
mod machine;
mod markdown;
mod section;
mod table;

use serde_json::{Value, json};

use self::machine::Machine;
pub(crate) use self::section::{Bound, Section, mode_name};

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    quick: bool,
    sections: Vec<Section>,
    /// Scenarios that are to come, or for which a quick run has no time.
    left_out: Vec<&'static str>,
}

impl Report {
    /// None of `scenarios` is measured yet.
    pub(crate) fn new(quick: bool, scenarios: impl Iterator<Item = &'static str>) -> Self {
        Self { machine: Machine::here(), quick, sections: Vec::new(), left_out: scenarios.collect() }
    }

    pub(crate) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// All sections of this scenario are here.
    pub(crate) fn measured(&mut self, scenario: &'static str) {
        self.left_out.retain(|left| *left != scenario);
    }

    /// Whether every scenario could be measured.
    pub(crate) fn is_whole(&self) -> bool {
        self.sections.iter().all(|section| section.failure.is_none())
    }

    pub(crate) fn json(&self) -> Value {
        let Machine { processor, kernel, swap, date, commit } = &self.machine;
        json!({
            "machine": {"processor": processor, "kernel": kernel, "swap": swap},
            "date": date,
            "commit": commit,
            "size": self.size(),
            "scenarios": self.sections.iter().map(Section::json).collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }

    fn size(&self) -> &'static str {
        if self.quick { "quick" } else { "full" }
    }

    /// What was left out and how to get it, if anything was.
    fn left_out(&self) -> Option<String> {
        let names = self.left_out.join(", ");
        (!names.is_empty()).then(|| format!("Not measured here: {names}; a whole full run measures them, or --only."))
    }
}
