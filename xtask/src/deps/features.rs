//! The engine is built once: what tests need besides must not change a feature
//! of anything that it stands on, or cargo would build it a second time. A
//! second build of a small crate is not worth a rule.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::{child::Job, finding::Finding, workspace::Workspace};

const ENGINE: &str = "wasmtime";

/// Compares the features of the product with those of the product under test.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let engine = packages(workspace, &["--package", ENGINE, "--format", "{p}", "--edges", "normal"])?;
    let product = packages(workspace, &["--workspace", "--format", "{p} {f}", "--edges", "normal"])?;
    let tested = packages(workspace, &["--workspace", "--format", "{p} {f}", "--edges", "normal,dev"])?;
    let changed = product.difference(&tested).filter(|package| engine.iter().any(|part| package.starts_with(&format!("{part} "))));
    let findings = changed.map(|package| {
        let problem = format!("a dev-dependency changes the features of {package}, so the engine is built twice");
        let remedy = "name the features that the tests need under [workspace.dependencies], so that both builds have them";
        Finding::new("Cargo.toml", "features", problem, remedy)
    });
    Ok(findings.collect())
}

fn packages(workspace: &Workspace, selection: &[&str]) -> Result<BTreeSet<String>> {
    let tree = Job::cargo(workspace.root()).args(["tree", "--prefix", "none", "--no-dedupe"]).args(selection).output()?;
    Ok(tree.lines().map(str::to_owned).collect())
}
