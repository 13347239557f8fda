//! Staged files: complete and flushed before they get their name.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use object_store::PutPayload;

use super::{LocalDisk, STAGING};

/// Steps between two times of one object: file systems keep nanoseconds to two seconds.
const STEPS: [Duration; 4] = [Duration::from_nanos(1), Duration::from_micros(1), Duration::from_secs(1), Duration::from_secs(2)];
/// A name that is taken twice in a row is a fault, not chance.
const NAMES_TRIED_MAX: u32 = 8;

/// Files of writers that are no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Swept {
    /// How many.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// The etag of a file: its time, which rises with each swap, its inode and size.
pub(super) fn etag(metadata: &fs::Metadata) -> String {
    let nanos = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default().as_nanos();
    format!("{nanos:x}-{:x}-{:x}", metadata.ino(), metadata.len())
}

/// The time that an etag of ours names.
pub(super) fn time_of(etag: &str) -> Option<SystemTime> {
    let nanos = u64::from_str_radix(etag.split('-').next()?, 16).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
}

/// A file without a name of its own yet; removed when dropped. Its lock shows that its writer lives.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl Staged {
    /// Writes and flushes `payload` with a time of now, and after `after` even if the clock went back.
    pub(super) fn new(disk: &LocalDisk, payload: &PutPayload, after: Option<SystemTime>) -> io::Result<Self> {
        let mut staged = Self::empty(&disk.root.join(STAGING))?;
        payload.iter().try_for_each(|part| staged.file.write_all(part))?;
        staged.stamp(after)?;
        staged.file.sync_all()?;
        Ok(staged)
    }

    fn empty(folder: &Path) -> io::Result<Self> {
        let mut tried = 0;
        loop {
            tried += 1;
            let path = folder.join(format!("{:016x}{:016x}", random(0), random(1)));
            match OpenOptions::new().create_new(true).write(true).open(&path) {
                Ok(file) => {
                    let staged = Self { file, path };
                    // Fails when a sweep looks at it just now and removes it: then another name.
                    if staged.file.try_lock().is_ok() && staged.path.exists() {
                        return Ok(staged);
                    }
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
            }
            if tried >= NAMES_TRIED_MAX {
                return Err(io::Error::other("no staged file can be made: is something else removing them?"));
            }
        }
    }

    /// Two contents of one object never share a time, so an etag names one of them.
    pub(super) fn stamp(&self, after: Option<SystemTime>) -> io::Result<()> {
        let now = SystemTime::now();
        self.file.set_times(FileTimes::new().set_modified(now))?;
        let Some(after) = after else { return Ok(()) };
        if self.file.metadata()?.modified()? > after {
            return Ok(());
        }
        for step in STEPS {
            self.file.set_times(FileTimes::new().set_modified(after + step))?;
            if self.file.metadata()?.modified()? > after {
                return Ok(());
            }
        }
        Err(io::Error::other("the file system does not keep times: compare-and-swap needs them"))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already when it was renamed; else a sweep would find it.
        let _ = fs::remove_file(&self.path);
    }
}

fn random(salt: u8) -> u64 {
    RandomState::new().hash_one((salt, std::process::id()))
}

impl LocalDisk {
    /// Removes staged files whose writer is no more; with `dry_run` only counts them.
    pub(crate) fn sweep(&self, dry_run: bool) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for entry in fs::read_dir(self.root.join(STAGING))? {
            let path = entry?.path();
            // Renamed or removed meanwhile: its writer lives.
            let Ok(file) = File::open(&path) else { continue };
            if file.try_lock().is_err() {
                continue;
            }
            swept.files += 1;
            swept.bytes += file.metadata()?.len();
            if !dry_run {
                fs::remove_file(&path)?;
            }
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_rises_even_when_the_clock_went_back() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let mut after = SystemTime::now() + Duration::from_secs(3_600);
        for _ in 0..50 {
            let staged = Staged::new(&disk, &PutPayload::from_static(b"same"), Some(after)).unwrap();
            let tag = etag(&staged.file.metadata().unwrap());
            let time = time_of(&tag).unwrap();
            assert!(time > after, "{tag}");
            after = time;
        }
    }

    #[test]
    fn an_etag_of_another_kind_names_no_time() {
        for tag in ["", "\"8b04d5e3775d298e78455efc5ca404d5\"", "8b04d5e3775d298e78455efc5ca404d5", "-1-2", "zz-1-2"] {
            assert_eq!(time_of(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_dropped_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let staged = Staged::new(&disk, &PutPayload::from_static(b"bytes"), None).unwrap();
        let path = staged.path.clone();
        assert!(path.exists());
        assert_eq!(disk.sweep(false).unwrap(), Swept::default(), "its writer lives");
        drop(staged);
        assert!(!path.exists());
    }
}
