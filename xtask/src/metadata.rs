//! What cargo knows about the packages: the part of `cargo metadata` that the
//! checks read.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::{child::Job, workspace::Workspace};

/// All packages of the lock file, and which of them are ours.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    pub(crate) target_directory: PathBuf,
}

/// One package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// None for a normal one.
    pub(crate) kind: Option<String>,
    /// Where it lies, for one by path.
    pub(crate) path: Option<PathBuf>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn load(workspace: &Workspace) -> Result<Self> {
        let text = Job::cargo(workspace.root()).args(["metadata", "--format-version", "1"]).output()?;
        serde_json::from_str(&text).context("`cargo metadata` has an unknown form")
    }

    /// Our own packages, each with its folder relative to the root.
    pub(crate) fn members<'a>(&'a self, workspace: &'a Workspace) -> impl Iterator<Item = (&'a Package, String)> {
        let ours = self.packages.iter().filter(|package| self.workspace_members.contains(&package.id));
        ours.map(|package| {
            let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(workspace.root()).ok());
            (package, folder.map(|folder| folder.display().to_string()).unwrap_or_default())
        })
    }
}
