//! `cargo xtask bench`: builds everything that is measured and measures it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    child::Job,
    demo::Scratch,
    guests::{self, Ext},
    servers,
    workspace::Workspace,
};

const DISCOUNT: &str = "guest-examples/order-discount";
/// The scenario that builds extensions.
const COMPILE: &str = "compile";
/// The scenario that compares layouts of guest memory.
const HARDENED: &str = "hardened";
/// Gives a guest the linker's own stack of 1 MiB, whatever `ext build` asks for:
/// what a build script says comes last.
const ROOMY_BUILD: &str = "fn main() {\n    println!(\"cargo:rustc-link-arg=-zstack-size=1048576\");\n}\n";
/// Makes TinyGo's module as large as guests that use the standard library's JSON: some 250 KB.
const LARGE_GO: &str = r#"package main

import "encoding/json"

// Runs at the start, so that the linker keeps all of it.
func init() {
	var read any
	if err := json.Unmarshal([]byte(`{"limit": 100}`), &read); err != nil {
		panic(err)
	}
}
"#;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A look, not a result: few short rounds
    #[arg(long)]
    quick: bool,
    /// Only scenarios whose name contains this; benches/README.md lists them
    #[arg(long, default_value = "")]
    only: String,
    /// Writes the figures as JSON too
    #[arg(long)]
    json: Option<PathBuf>,
}

/// The task. Run it while nothing else runs.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    Job::cargo(workspace.root()).args(["build", "--release", "--workspace", "--all-targets"]).run()?;
    guests::install_toolchain(workspace)?;
    servers::install(workspace)?;
    let (ext, scratch) = (Ext::find(workspace)?, Scratch::new()?);
    let discount = workspace.path(DISCOUNT);
    let mut bench = Job::new(ext.sibling("extensions-bench")).args(["--only", &arguments.only]);
    bench = bench.args(["--component".into(), build(workspace, &ext, discount)?]);
    if HARDENED.contains(&arguments.only) {
        bench = bench.args(["--roomy".into(), build(workspace, &ext, roomy(workspace, &scratch)?)?]);
    }
    if COMPILE.contains(&arguments.only) {
        bench = ext.in_home(bench);
        for folder in languages(workspace, &ext, &scratch)? {
            bench = bench.args([PathBuf::from("--folder"), folder]);
        }
    }
    if arguments.quick {
        bench = bench.args(["--quick"]);
    }
    if let Some(json) = &arguments.json {
        bench = bench.args([PathBuf::from("--json"), json.clone()]);
    }
    bench.dir(workspace.root()).run()?;
    scratch.remove()?;
    Ok(())
}

/// Builds the discount rule in a folder; gives the component.
fn build(workspace: &Workspace, ext: &Ext, folder: PathBuf) -> Result<PathBuf> {
    ext.job().args(["--quiet", "build"]).args([&folder]).dir(workspace.root()).without_data().run()?;
    Ok(folder.join("target/ext/order-discount.wasm"))
}

/// The discount rule in the linker's own memory layout.
fn roomy(workspace: &Workspace, scratch: &Scratch) -> Result<PathBuf> {
    let folder = scratch.path("roomy");
    Job::new("cp").args(["-r"]).args([workspace.path(DISCOUNT), folder.clone()]).run()?;
    std::fs::write(folder.join("build.rs"), ROOMY_BUILD).context("the copy of the discount rule has a folder")?;
    Ok(folder)
}

/// An extension of each language, in folders that rounds may change.
fn languages(workspace: &Workspace, ext: &Ext, scratch: &Scratch) -> Result<Vec<PathBuf>> {
    let mut folders = vec![scratch.path("order-discount")];
    Job::new("cp").args(["-r"]).args([workspace.path(DISCOUNT), folders[0].clone()]).run()?;
    for language in ["tinygo", "assemblyscript"] {
        let name = format!("limit-in-{language}");
        let job = ext.job().args(["--quiet", "new", &name, "--kind", "domain-hook", "--lang", language]);
        job.dir(&scratch.path("")).without_data().run()?;
        folders.push(scratch.path(name));
    }
    std::fs::write(scratch.path("limit-in-tinygo").join("large.go"), LARGE_GO)?;
    Ok(folders)
}
