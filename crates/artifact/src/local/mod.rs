//! A folder as object store, safe between processes and across a crash.
//!
//! A write is staged in a file of its own, flushed, and then appears under its
//! name at once: by a hard link where nothing may be there, by a rename under a
//! lock where only one content may be replaced. The folder is flushed before the
//! answer. A crash leaves staged files at most; nobody holds their lock any more,
//! by which the next start knows and removes them.
//!
//! Folders whose names begin with a dot are its own; no key has such a part.

mod folders;
mod list;
mod locks;
mod staged;
mod store;
mod write;

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub use self::staged::Swept;
use crate::settings::SettingsError;

const STAGING: &str = ".staging";
const LOCKS: &str = ".locks";

/// A write whose flush failed after it became visible: it may survive a crash or not.
#[derive(Debug, thiserror::Error)]
#[error("written, but whether it would survive a crash is not known")]
pub(crate) struct Undecided(#[source] io::Error);

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LocalDisk {
    root: Arc<Path>,
    /// Folders whose way down from the root this process knows to be on disk.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

impl LocalDisk {
    /// Opens or makes the folder, and removes what a crashed writer left.
    pub(crate) fn open(root: &Path) -> Result<Self, SettingsError> {
        let failed = |action| move |source| SettingsError::File { action, path: root.to_path_buf(), source };
        for folder in [root, &root.join(STAGING), &root.join(LOCKS)] {
            fs::create_dir_all(folder).map_err(failed("make a folder in"))?;
        }
        let root = fs::canonicalize(root).map_err(failed("find"))?;
        let disk = Self { root: root.into(), durable: Arc::default() };
        disk.sweep(false).map_err(|source| SettingsError::File { action: "clean", path: disk.root.to_path_buf(), source })?;
        Ok(disk)
    }

    /// The folder's own path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}
