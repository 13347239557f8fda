//! `cargo xtask deps`: the edges between our crates against the checked-in
//! list, so that a new one is a decision that a reviewer sees, with a reason.

mod check;
mod draw;
mod features;
mod graph;
mod list;
mod manifests;

use anyhow::{Context as _, Result};

use self::{graph::Graph, list::List};
use crate::{finding, metadata::Metadata, say, workspace::Workspace};

/// The checked-in list.
const LIST: &str = "xtask/deps.toml";

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Bring the list up to date, keeping its reasons; new edges get an empty one to fill in
    #[arg(long)]
    write: bool,
    /// Draw the layers as Markdown
    #[arg(long, conflicts_with = "write")]
    print: bool,
}

/// The task.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let metadata = Metadata::load(workspace)?;
    let graph = Graph::of(&metadata, workspace);
    let mut list: List = toml::from_str(&workspace.read(LIST)?).with_context(|| format!("{LIST} has an unknown form"))?;
    if arguments.write {
        list.follow(&graph);
        workspace.write(LIST, &list.render()?)?;
    }
    if arguments.print {
        say::data(draw::markdown(&list, &graph).trim_end());
        return Ok(());
    }
    let mut findings = check::edges(&list, &graph);
    findings.extend(check::names(&list, &graph));
    findings.extend(manifests::check(workspace, &metadata)?);
    findings.extend(features::check(workspace)?);
    finding::settle("deps", findings)
}
