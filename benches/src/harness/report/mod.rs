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
    /// Scenarios for which a quick run has no time.
    left_out: Vec<&'static str>,
}

impl Report {
    pub(crate) fn new(quick: bool) -> Self {
        Self { machine: Machine::here(), quick, sections: Vec::new(), left_out: Vec::new() }
    }

    pub(crate) fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// This scenario was left to a full run.
    pub(crate) fn leave_out(&mut self, scenario: &'static str) {
        self.left_out.push(scenario);
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
        (!names.is_empty()).then(|| format!("Left to a full run, or to --only: {names}."))
    }
}
