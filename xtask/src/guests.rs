//! What is built for wasm32 and stands outside of the workspace: the guest SDK
//! and the examples.

mod clang;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::{child::Job, metadata::Metadata, workspace::Workspace};

const SDK: &str = "sdk/guest/rust";
const GO_SDK: &str = "sdk/guest/go";
const EXAMPLES: &str = "guest-examples";

/// `ext` as the release profile built it, with a home apart from the user's: a
/// running `ext dev` of theirs stays the one that their `ext` finds.
#[derive(Debug)]
pub(crate) struct Ext {
    program: PathBuf,
    home: PathBuf,
}

impl Ext {
    /// Finds it.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let target = Metadata::load(workspace)?.target_directory;
        let program = target.join("release/ext");
        ensure!(program.is_file(), "ext is not built: run `cargo build --release --workspace`");
        Ok(Self { program, home: target.join("ext-home") })
    }

    /// The program itself.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Another program of the same build.
    pub(crate) fn sibling(&self, name: &str) -> PathBuf {
        self.program.with_file_name(name)
    }

    /// Where it keeps toolchains, and finds what runs here.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A run of it.
    pub(crate) fn job(&self) -> Job {
        self.in_home(Job::new(&self.program))
    }

    /// A run of something that looks for guests' toolchains as it does.
    pub(crate) fn in_home(&self, job: Job) -> Job {
        job.env("EXT_HOME", &self.home)
    }
}

/// Makes sure that guests can be built in every language, as an author would.
pub(crate) fn install_toolchain(workspace: &Workspace) -> Result<()> {
    let languages = ["toolchain", "install", "rust", "tinygo", "assemblyscript"];
    Ext::find(workspace)?.job().args(languages).dir(workspace.root()).without_data().run()
}

/// Checks the format of everything that `cargo fmt --all` does not reach.
pub(crate) fn check_format(workspace: &Workspace) -> Result<()> {
    let sdk = workspace.path(SDK);
    Job::cargo(&sdk).args(["fmt", "--all", "--", "--check"]).run().with_context(|| format!("run `cargo fmt --all` in {SDK}"))?;
    for folder in examples(workspace)?.into_iter().filter(|folder| folder.join("src/lib.rs").is_file()) {
        let job = Job::new("rustfmt").args(["--check", "--edition", "2024", "src/lib.rs"]).dir(&folder);
        job.run().with_context(|| format!("run `rustfmt --edition 2024 src/lib.rs` in {}", folder.display()))?;
    }
    check_go_format(workspace)
}

fn check_go_format(workspace: &Workspace) -> Result<()> {
    let examples = examples(workspace)?.into_iter().filter(|folder| folder.join("go.mod").is_file());
    let folders: Vec<_> = [workspace.path(GO_SDK)].into_iter().chain(examples).collect();
    let wrong = Job::new("gofmt").args(["-l"]).args(&folders).output().context("Go is formatted by its own tool: install Go")?;
    ensure!(wrong.trim().is_empty(), "run `gofmt -w` on\n{}", wrong.trim());
    Ok(())
}

/// Runs the lints and tests of the SDKs that run on this machine; Rust's target folder lies in ours.
pub(crate) fn test_sdk(workspace: &Workspace) -> Result<()> {
    let target = Metadata::load(workspace)?.target_directory.join("guest-sdk");
    let job = || Job::cargo(&workspace.path(SDK)).env("CARGO_TARGET_DIR", &target);
    job().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()?;
    job().args(["test", "--quiet", "--workspace"]).run()?;
    let go = |arguments: &[&str]| Job::new("go").args(arguments).dir(&workspace.path(GO_SDK)).without_data();
    go(&["vet", "./..."]).run()?;
    go(&["test", "./..."]).run()
}

/// Lets `ext test` judge each example.
pub(crate) fn test_examples(workspace: &Workspace) -> Result<()> {
    let ext = Ext::find(workspace)?;
    let folders = examples(workspace)?;
    ensure!(!folders.is_empty(), "there is no folder with an extension.toml in {EXAMPLES}");
    clang::build_modules(workspace, &folders)?;
    for folder in folders {
        ext.job().args(["test"]).args([folder]).dir(workspace.root()).run()?;
    }
    Ok(())
}

/// The examples' folders, by name.
pub(crate) fn examples(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(workspace.path(EXAMPLES))?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|folder| folder.join("extension.toml").is_file());
    let mut folders: Vec<_> = folders.collect();
    folders.sort();
    Ok(folders)
}
