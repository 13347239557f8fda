//! What the demo asks of the guest examples, and what they must answer: one of
//! each example's own cases, so that nothing is said twice.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::workspace::Workspace;

/// The folders that the platform serves.
pub(super) const EXAMPLES: [&str; 3] = ["guest-examples/order-discount", "guest-examples/lead-routing", "guest-examples/vat"];
const CASES: [(&str, &str); 3] = [("order-discount", "above"), ("lead-routing", "route-enterprise"), ("vat", "reverse-charge")];

/// One call and its answer.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) extension: &'static str,
    pub(crate) point: String,
    pub(crate) input: String,
    pub(super) output: Value,
    /// What a reader sees in the answer.
    pub(super) shows: String,
}

/// The part of a case that is read here.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    #[serde(default, alias = "task")]
    point: String,
    input: Value,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
struct Expect {
    output: Value,
}

/// One per example.
pub(super) fn read(workspace: &Workspace) -> Result<Vec<Rule>> {
    let rules = CASES.into_iter().map(|(extension, case)| {
        let path = format!("guest-examples/{extension}/tests/{case}.json");
        let case: Case = serde_json::from_str(&workspace.read(&path)?).with_context(|| format!("{path} has an unknown form"))?;
        Ok(Rule { extension, point: case.point, input: case.input.to_string(), output: case.expect.output, shows: case.name })
    });
    rules.collect()
}
