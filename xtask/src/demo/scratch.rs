//! A temporary folder for guests. One that an interrupted run left behind is
//! removed by the next.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

const PREFIX: &str = "extensions-demo-";

/// Removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// A new one; short, since a Unix socket's path has at most 107 bytes.
    pub(crate) fn new() -> Result<Self> {
        sweep();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        Ok(Self(tempfile::Builder::new().prefix(&prefix).tempdir().context("no temporary folder can be made")?))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Removes it and says whether something is left.
    pub(crate) fn remove(self) -> Result<bool> {
        let path = self.0.path().to_path_buf();
        self.0.close().with_context(|| format!("{} cannot be removed", path.display()))?;
        Ok(path.exists())
    }
}

/// Removes folders of runs whose process is gone. Failing that is no reason not to start.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')).map(|(process, _)| process.to_owned());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
