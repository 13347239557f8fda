//! Folders of objects: made when needed, flushed, and removed with their last object.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::LocalDisk;

/// Paths remembered as being on disk; more are forgotten together and flushed once more.
const REMEMBERED_MAX: usize = 16_384;

impl LocalDisk {
    /// Makes `folder` and what is missing above it.
    pub(super) fn make(&self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != &*self.root => {
                self.make(folder.parent().unwrap_or(&self.root))?;
                self.make(folder)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Flushes the names in `folder`, and once per process those of the way to it.
    pub(super) fn flush(&self, folder: &Path) -> io::Result<()> {
        flush_one(folder)?;
        if self.durable().contains(folder) {
            return Ok(());
        }
        for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(&*self.root)) {
            flush_one(above)?;
        }
        let mut durable = self.durable();
        if durable.len() >= REMEMBERED_MAX {
            durable.clear();
        }
        durable.insert(folder.to_path_buf());
        Ok(())
    }

    /// Removes `folder` and those above it that hold nothing, but never a fixed one: a tenant that is gone leaves no name.
    pub(super) fn prune(&self, folder: &Path) {
        for empty in folder.ancestors().take_while(|folder| !self.is_fixed(folder)) {
            // First forget: whoever makes it again must flush it again.
            self.durable().retain(|known| !known.starts_with(empty));
            if fs::remove_dir(empty).is_err() {
                return;
            }
        }
    }

    /// The root, and the two upper levels of the platform's own folders.
    fn is_fixed(&self, folder: &Path) -> bool {
        let Ok(inside) = folder.strip_prefix(&*self.root) else { return true };
        let own = inside.as_os_str().as_encoded_bytes().starts_with(b"_");
        inside.as_os_str().is_empty() || (own && inside.components().count() <= 2)
    }

    fn durable(&self) -> std::sync::MutexGuard<'_, std::collections::HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush_one(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
