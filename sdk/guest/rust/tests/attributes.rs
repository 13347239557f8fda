//! The attributes leave an author's function as it is, in a crate that forbids unsafe code.
#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "an extension has no readers of its API")]

use std::collections::BTreeMap;

use ameide_extension::{HookError, Verdict, agent_tool, context, domain_hook, log, process_hook};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order<'a> {
    customer: &'a str,
}

/// A documented hook over a borrowed type.
#[domain_hook]
fn evaluate(point: &str, order: Order<'_>) -> Result<Verdict, HookError> {
    log::info!("{point} for {}", context().tenant_id);
    Ok(Verdict::new().set("customer", order.customer))
}

#[process_hook]
pub fn run(task: &str, variables: BTreeMap<String, u32>) -> Result<BTreeMap<String, u32>, HookError> {
    if task.is_empty() { Err(HookError::rejected("no task")) } else { Ok(variables) }
}

#[derive(Deserialize, Serialize)]
struct Anything {}

#[agent_tool(name = "anything", description = "Answers what it got.", input = "tests/schemas/any.json", output = "tests/schemas/any.json")]
fn call(arguments: Anything) -> Result<Anything, HookError> {
    Ok(arguments)
}

#[test]
fn functions_stay_callable() {
    let verdict = evaluate("BeforeCreateOrder", Order { customer: "a" }).unwrap();
    assert_eq!(verdict.field("customer"), Some("\"a\""));
    assert_eq!(run("", BTreeMap::new()), Err(HookError::rejected("no task")));
    assert!(call(Anything {}).is_ok());
}
