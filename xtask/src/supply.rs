//! Licences, sources and bans of all dependencies, by cargo-deny and deny.toml.
//! Advisories are left to a scheduled run: they need an online database, and a
//! new advisory must not fail a change that did not cause it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{child::Job, metadata::Metadata, say, workspace::Workspace};

const VERSION: &str = "0.20.2";
/// Packages with a lock file of their own.
const OWN_LOCKS: [&str; 1] = ["sdk/guest/rust/Cargo.toml"];

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Check for known vulnerabilities, too; needs the online database
    #[arg(long)]
    advisories: bool,
}

/// The task and the step.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut checks = vec!["bans", "licenses", "sources"];
    if arguments.advisories {
        checks.push("advisories");
    }
    let program = find_or_install(workspace)?;
    let others = OWN_LOCKS.into_iter().filter(|manifest| workspace.path(manifest).is_file());
    for manifest in std::iter::once("Cargo.toml").chain(others) {
        let scope = ["--locked", "--workspace", "--config", "deny.toml", "--manifest-path", manifest];
        Job::new(&program).args(scope).args(["check", "--hide-inclusion-graph"]).args(&checks).dir(workspace.root()).run()?;
    }
    Ok(())
}

/// What is on PATH, else what an earlier run built, else builds it.
fn find_or_install(workspace: &Workspace) -> Result<PathBuf> {
    if Job::new("cargo-deny").args(["--version"]).output().is_ok() {
        return Ok("cargo-deny".into());
    }
    let tools = Metadata::load(workspace)?.target_directory.join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        say::talk(format!("cargo-deny is not on PATH: building version {VERSION} once (about two minutes)"));
        let job = Job::cargo(workspace.root()).args(["install", "--quiet", "--locked", "cargo-deny", "--version", VERSION, "--root"]).args([&tools]);
        job.run().context("install it yourself (`cargo install --locked cargo-deny`) or check that the crates registry can be reached")?;
    }
    Ok(program)
}
