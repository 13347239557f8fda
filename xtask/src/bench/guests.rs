//! The guests that are measured, built by `ext` as an author would.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{child::Job, demo::Scratch, guests::Ext, workspace::Workspace};

const DISCOUNT: &str = "guest-examples/order-discount";
const TINYGO: &str = "guest-examples/order-discount-go";
const ASSEMBLYSCRIPT: &str = "guest-examples/order-discount-assemblyscript";
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

/// The discount rule; gives the component.
pub(super) fn discount(workspace: &Workspace, ext: &Ext) -> Result<PathBuf> {
    build(workspace, ext, &workspace.path(DISCOUNT), "order-discount")
}

/// The same rule by TinyGo.
pub(super) fn tinygo(workspace: &Workspace, ext: &Ext) -> Result<PathBuf> {
    build(workspace, ext, &workspace.path(TINYGO), "order-discount-go")
}

/// The same rule in AssemblyScript.
pub(super) fn assemblyscript(workspace: &Workspace, ext: &Ext) -> Result<PathBuf> {
    build(workspace, ext, &workspace.path(ASSEMBLYSCRIPT), "order-discount-assemblyscript")
}

/// The discount rule in the linker's own memory layout.
pub(super) fn roomy(workspace: &Workspace, ext: &Ext, scratch: &Scratch) -> Result<PathBuf> {
    let folder = scratch.path("roomy");
    Job::new("cp").args(["-r"]).args([workspace.path(DISCOUNT), folder.clone()]).run()?;
    std::fs::write(folder.join("build.rs"), ROOMY_BUILD).context("the copy of the discount rule has a folder")?;
    build(workspace, ext, &folder, "order-discount")
}

/// An extension of each language, in folders that rounds may change.
pub(super) fn sources(workspace: &Workspace, ext: &Ext, scratch: &Scratch) -> Result<Vec<PathBuf>> {
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

fn build(workspace: &Workspace, ext: &Ext, folder: &Path, id: &str) -> Result<PathBuf> {
    ext.job().args(["--quiet", "build"]).args([folder]).dir(workspace.root()).without_data().run()?;
    Ok(folder.join("target/ext").join(id).with_extension("wasm"))
}
