//! `cargo xtask bench`: builds everything that is measured and measures it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{
    child::Job,
    demo::{self, Scratch},
    guests::{self, Ext},
    servers,
    workspace::Workspace,
};

const DISCOUNT: &str = "guest-examples/order-discount";
/// The scenario that builds extensions.
const SCENARIO: &str = "compile";
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
/// Few short rounds: a look, not a result.
const QUICK: [&str; 4] = ["--rounds", "3", "--round-ms", "300"];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A look in half a minute: few short rounds
    #[arg(long)]
    quick: bool,
    /// Only scenarios whose name contains this: in-process, servers, neighbours, start, catalog, store, listing, plain, reload, compile
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
    let spinner = demo::create_spinner(&ext, &scratch)?;
    for folder in [&discount, &spinner] {
        ext.job().args(["--quiet", "build"]).args([folder]).dir(workspace.root()).without_data().run()?;
    }
    let built = |folder: PathBuf, id: &str| folder.join("target/ext").join(format!("{id}.wasm"));
    let mut bench = Job::new(ext.sibling("extensions-bench"))
        .args(["--component".into(), built(discount, "order-discount")])
        .args(["--spinner".into(), built(spinner, "spinner")])
        .args(["--only", &arguments.only]);
    if SCENARIO.contains(&arguments.only) {
        bench = ext.in_home(bench);
        for folder in languages(workspace, &ext, &scratch)? {
            bench = bench.args([PathBuf::from("--folder"), folder]);
        }
    }
    if arguments.quick {
        bench = bench.args(QUICK);
    }
    if let Some(json) = &arguments.json {
        bench = bench.args([PathBuf::from("--json"), json.clone()]);
    }
    bench.dir(workspace.root()).run()?;
    scratch.remove()?;
    Ok(())
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
