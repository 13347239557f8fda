//! `cargo xtask tidy`: the form of the tree. Each rule is a pure function from
//! file texts to findings; exceptions stand, with a reason, in xtask/tidy.toml.

mod allow;
mod examples;
mod leftovers;
mod links;
mod mask;
mod rust;
mod shape;
mod text;
mod tree;

use anyhow::Result;

use self::{allow::Allowed, tree::Tree};
use crate::{finding, workspace::Workspace};

/// The task.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(workspace)?;
    let mut findings = Vec::new();
    for file in tree.files() {
        findings.extend(leftovers::compiled(file));
        let Some(text) = &file.text else { continue };
        findings.extend(text::check(&file.path, text));
        findings.extend(leftovers::places(&file.path, text));
        if file.path.ends_with(".rs") {
            findings.extend(rust::check(&file.path, text));
            findings.extend(shape::check(&file.path, text));
        }
        if file.path.ends_with(".md") {
            findings.extend(links::check(&tree, &file.path, text));
        } else {
            findings.extend(links::check_mentions(&tree, &file.path, text));
        }
    }
    findings.extend(examples::check(&tree));
    let findings = Allowed::read(workspace)?.apply(findings);
    finding::settle("tidy", findings)
}
