//! `cargo xtask fleet`: a whole fleet on this machine, from what this workspace builds.
//!
//! It installs and builds what is missing and then becomes `extensions-fleet`
//! (`crates/test-fleet`), so that Ctrl-C reaches the one program that ends everything.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::{
    child::Job,
    guests::{self, Ext},
    servers,
    workspace::Workspace,
};

const PROGRAM: &str = "extensions-fleet";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// Take a rule from push to prod and back under load, say how that went, and end
    #[arg(long)]
    walk: bool,
    /// With --walk: timings and failures as JSON on standard output
    #[arg(long, requires = "walk")]
    json: bool,
    /// Build and install nothing: take what is there
    #[arg(long)]
    no_build: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// End the fleet that runs
    Stop,
}

/// The task. Returns only when the program cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let stops = matches!(arguments.task, Some(Task::Stop));
    if !stops && !arguments.no_build {
        // The whole workspace, as the tests build it: another selection could build the engine a second time.
        Job::cargo(workspace.root()).args(["build", "--release", "--workspace"]).run()?;
        servers::install(workspace)?;
        guests::install_toolchain(workspace)?;
    }
    let ext = Ext::find(workspace)?;
    let mut command = Command::new(ext.sibling(PROGRAM));
    match (stops, arguments.walk) {
        (true, _) => command.arg("stop"),
        (false, true) => command.arg("walk"),
        (false, false) => command.arg("run"),
    };
    if arguments.json {
        command.arg("--json");
    }
    let error = command.arg("--ext-home").arg(ext.home()).exec();
    bail!("{PROGRAM} cannot be started ({error}): run `cargo build --release --workspace`")
}
