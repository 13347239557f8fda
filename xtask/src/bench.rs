//! `cargo xtask bench`: builds everything that is measured and measures it.

mod guests;
mod peers;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{
    child::Job,
    demo::Scratch,
    guests::{Ext, install_toolchain},
    servers,
    workspace::Workspace,
};

/// Where results are kept, with machine, mode and commit.
const RESULTS: &str = "benches/results";
/// The scenarios that need more than the discount rule.
const COMPILE: &str = "compile";
const HARDENED: &str = "hardened";
const LANGUAGES: &str = "languages";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A look, not a result, within five minutes: few short rounds, and no scenario that takes minutes
    #[arg(long)]
    quick: bool,
    /// All of it, which takes some 75 minutes (the default)
    #[arg(long, conflicts_with = "quick")]
    full: bool,
    /// Installs the peers once (workerd from npm, `wasmtime serve` from its source: some ten minutes); later runs find them
    #[arg(long)]
    peers: bool,
    /// Only scenarios whose name contains this; benches/README.md lists them
    #[arg(long, default_value = "")]
    only: String,
    /// Writes the figures as JSON too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Keeps figures, table and chart in benches/results, by date and commit
    #[arg(long)]
    keep: bool,
}

/// The task. Run it while nothing else runs.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    Job::cargo(workspace.root()).args(["build", "--release", "--workspace", "--all-targets"]).run()?;
    install_toolchain(workspace)?;
    servers::install(workspace)?;
    let (ext, scratch) = (Ext::find(workspace)?, Scratch::new()?);
    let bench = Job::new(ext.sibling("extensions-bench")).args(["--only", &arguments.only]);
    let bench = with_guests(bench, workspace, &ext, &scratch, arguments)?;
    let bench = match peers::find(workspace, arguments.peers)? {
        Some(peers) => peers.name(bench),
        None => bench,
    };
    with_options(bench, workspace, arguments).dir(workspace.root()).run()?;
    scratch.remove()?;
    Ok(())
}

/// Builds what the chosen scenarios call, and names it.
fn with_guests(bench: Job, workspace: &Workspace, ext: &Ext, scratch: &Scratch, arguments: &Arguments) -> Result<Job> {
    let chosen = |scenario: &str| scenario.contains(&arguments.only);
    let mut bench = bench.args(["--component".into(), guests::discount(workspace, ext)?]);
    if chosen(LANGUAGES) {
        bench = bench.args(["--tinygo".into(), guests::tinygo(workspace, ext)?]);
        bench = bench.args(["--assemblyscript".into(), guests::assemblyscript(workspace, ext)?]);
    }
    if chosen(HARDENED) {
        bench = bench.args(["--roomy".into(), guests::roomy(workspace, ext, scratch)?]);
    }
    // A quick run builds extensions only where it is asked to.
    if chosen(COMPILE) && !(arguments.quick && arguments.only.is_empty()) {
        bench = ext.in_home(bench);
        for folder in guests::sources(workspace, ext, scratch)? {
            bench = bench.args([PathBuf::from("--folder"), folder]);
        }
    }
    Ok(bench)
}

fn with_options(mut bench: Job, workspace: &Workspace, arguments: &Arguments) -> Job {
    if arguments.quick {
        bench = bench.args(["--quick"]);
    }
    if let Some(json) = &arguments.json {
        bench = bench.args([PathBuf::from("--json"), json.clone()]);
    }
    if arguments.keep {
        bench = bench.args([PathBuf::from("--keep"), workspace.path(RESULTS)]);
    }
    bench
}
