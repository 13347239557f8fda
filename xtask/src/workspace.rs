//! The repository that the task runs in, and the files that belong to it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::child::Job;

/// The repository's root.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Looks upwards from the current folder.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_dir().context("the current folder is gone")?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .context("not inside the repository: run `cargo xtask` in a clone of it")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// Its root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A file or folder in it.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Reads a text file of it.
    pub(crate) fn read(&self, relative: &str) -> Result<String> {
        std::fs::read_to_string(self.path(relative)).with_context(|| format!("{relative} cannot be read"))
    }

    /// Writes a text file of it, with its folders.
    pub(crate) fn write(&self, relative: &str, text: &str) -> Result<()> {
        let path = self.path(relative);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        std::fs::write(&path, text).with_context(|| format!("{relative} cannot be written"))
    }

    /// Every file that is or would be in git, sorted. New files count before
    /// their first commit: a check must not pass only because of that.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let listing = Job::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).dir(self.root()).output()?;
        let mut files: Vec<String> = listing.split('\0').filter(|name| !name.is_empty() && self.path(name).is_file()).map(String::from).collect();
        files.sort();
        files.dedup();
        Ok(files)
    }
}
