//! Put-if-absent, compare-and-swap, overwrite and removal. All of it blocks.

use std::{fs, io, path::Path};

use object_store::{PutMode, PutPayload};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

use super::{
    LocalDisk, Undecided,
    staged::{Staged, etag, time_of},
};

/// A folder can be removed between making and using it, by who takes away its last object.
const FOLDER_TRIES_MAX: u32 = 16;

/// How a write failed.
#[derive(Debug)]
pub(super) enum WriteError {
    Exists,
    Changed,
    Absent,
    NotDone(io::Error),
    Undecided(Undecided),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::NotDone(error)
    }
}

impl LocalDisk {
    /// Puts `payload` at `path` (relative) and returns its etag.
    pub(super) fn put(&self, path: &str, payload: &PutPayload, mode: &PutMode) -> Result<String, WriteError> {
        let target = self.root.join(path);
        let folder = target.parent().unwrap_or(&self.root);
        let tag = match mode {
            PutMode::Create => self.create(&target, folder, payload)?,
            PutMode::Update(version) => self.swap(path, &target, payload, version.e_tag.as_deref().ok_or(WriteError::Changed)?)?,
            PutMode::Overwrite => self.overwrite(path, &target, folder, payload)?,
        };
        self.flush(folder).map_err(|error| WriteError::Undecided(Undecided(error)))?;
        Ok(tag)
    }

    fn create(&self, target: &Path, folder: &Path, payload: &PutPayload) -> Result<String, WriteError> {
        let staged = Staged::new(self, payload, None)?;
        let linked = self.within(folder, || link(&staged.path, target));
        match linked {
            Ok(()) => Ok(etag(&staged.file.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Who is told that it exists may build on it: it must not be gone after a crash.
                self.flush(folder)?;
                Err(WriteError::Exists)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn swap(&self, path: &str, target: &Path, payload: &PutPayload, expected: &str) -> Result<String, WriteError> {
        // Staged before the lock is taken, so that it is held for two calls only.
        let staged = Staged::new(self, payload, Some(time_of(expected).ok_or(WriteError::Changed)?))?;
        let _held = self.lock(path)?;
        match fs::metadata(target) {
            Ok(found) if etag(&found) == expected => {}
            Ok(_) => return Err(WriteError::Changed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(WriteError::Changed),
            Err(error) => return Err(error.into()),
        }
        let tag = etag(&staged.file.metadata()?);
        fs::rename(&staged.path, target)?;
        Ok(tag)
    }

    fn overwrite(&self, path: &str, target: &Path, folder: &Path, payload: &PutPayload) -> Result<String, WriteError> {
        let staged = Staged::new(self, payload, None)?;
        let _held = self.lock(path)?;
        if let Ok(before) = fs::metadata(target).and_then(|found| found.modified())
            && staged.file.metadata()?.modified()? <= before
        {
            staged.stamp(Some(before))?;
            staged.file.sync_all()?;
        }
        let tag = etag(&staged.file.metadata()?);
        self.within(folder, || fs::rename(&staged.path, target))?;
        Ok(tag)
    }

    /// Takes the object away.
    pub(super) fn remove(&self, path: &str) -> Result<(), WriteError> {
        let target = self.root.join(path);
        let folder = target.parent().unwrap_or(&self.root);
        let _held = self.lock(path)?;
        match fs::remove_file(&target) {
            Err(error) if absent(&error) => return Err(WriteError::Absent),
            removed => removed?,
        }
        self.flush(folder).map_err(|error| WriteError::Undecided(Undecided(error)))?;
        self.prune(folder);
        Ok(())
    }

    /// Does `work` in a folder that is made when it is missing.
    fn within(&self, folder: &Path, work: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let mut tried = 0;
        loop {
            tried += 1;
            match work() {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tried < FOLDER_TRIES_MAX => self.make(folder)?,
                done => return done,
            }
        }
    }
}

/// Whether the error says that nothing is there: also a part of the way may be missing or be an object.
pub(super) fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Gives the staged file its name unless that is taken.
fn link(staged: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(staged, target) {
        // Some file systems know no links, but this.
        Err(error) if no_links(&error) => Ok(renameat_with(CWD, staged, CWD, target, RenameFlags::NOREPLACE)?),
        linked => linked,
    }
}

fn no_links(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS))
}
