//! Copies what a job left out of its private file system: regular files and folders, nothing else.
//!
//! The job is gone by now and its file system is ours alone; still no name is followed: each
//! is looked at, opened below its folder's descriptor without following links, and looked at again.

use std::{
    ffi::{CStr, OsStr},
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    },
    path::Path,
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat};

use crate::{Bound, Job, SandboxError};

/// A large Rust build leaves some thousand.
const FILES_MAX: u64 = 50_000;
/// Cargo nests eight deep.
const DEPTH_MAX: u32 = 32;
/// A lock file of a thousand crates has a tenth.
const RETURNED_BYTES_MAX: u64 = 4 << 20;

/// What may still be copied.
struct Budget {
    files: u64,
    bytes: u64,
    bytes_max: u64,
    left_behind: u64,
}

/// Copies the results and the returned files; how many things stayed behind.
pub(crate) fn collect(job: &Job, results: &OwnedFd, changes: &OwnedFd) -> Result<u64, SandboxError> {
    let bytes = job.limits.file_bytes;
    let mut budget = Budget { files: 0, bytes: 0, bytes_max: bytes, left_behind: 0 };
    budget.folder(results, &job.results, DEPTH_MAX)?;
    for name in &job.returns {
        budget.returned(changes, name, &job.folder)?;
    }
    Ok(budget.left_behind)
}

fn failed<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> SandboxError + 'p {
    move |source| SandboxError::Results { action, path: path.to_owned(), source }
}

impl Budget {
    fn folder(&mut self, from: &OwnedFd, to: &Path, depth: u32) -> Result<(), SandboxError> {
        let list = |error: rustix::io::Errno| failed("list the results for", to)(error.into());
        make_folder(to).map_err(failed("make", to))?;
        for entry in Dir::read_from(from).map_err(list)? {
            let entry = entry.map_err(list)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            self.entry(from, name, &to.join(OsStr::from_bytes(name.to_bytes())), depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, from: &OwnedFd, name: &CStr, to: &Path, depth: u32) -> Result<(), SandboxError> {
        self.count(1, 0)?;
        let opened = match kind(from, name) {
            Some(FileType::Directory) if depth > 0 => open(from, name, OFlags::DIRECTORY),
            Some(FileType::RegularFile) => open(from, name, OFlags::empty()),
            Some(_) | None => None,
        };
        // A link, a device, a pipe, a socket; too deep; or the job forbade to read it.
        let Some(opened) = opened else {
            self.left_behind += 1;
            return Ok(());
        };
        let about = fstat(&opened).map_err(|error| failed("look at", to)(error.into()))?;
        match FileType::from_raw_mode(about.st_mode) {
            FileType::Directory => self.folder(&opened, to, depth - 1),
            FileType::RegularFile => {
                let bytes = u64::try_from(about.st_size).unwrap_or(u64::MAX);
                self.count(0, bytes)?;
                let executable = about.st_mode & 0o100 != 0;
                copy(opened, to, bytes, executable).map_err(failed("write", to))
            }
            _ => {
                self.left_behind += 1;
                Ok(())
            }
        }
    }

    /// A plain file of the sources that the job changed, if it did.
    fn returned(&mut self, changes: &OwnedFd, name: &OsStr, folder: &Path) -> Result<(), SandboxError> {
        let to = folder.join(name);
        let plain = Path::new(name).components().count() == 1 && !name.as_bytes().contains(&0) && name != "..";
        let Ok(c_name) = std::ffi::CString::new(name.as_bytes()) else { return Ok(()) };
        if !plain || kind(changes, &c_name) != Some(FileType::RegularFile) {
            return Ok(());
        }
        let Some(opened) = open(changes, &c_name, OFlags::empty()) else { return Ok(()) };
        let bytes = u64::try_from(fstat(&opened).map_err(|error| failed("look at", &to)(error.into()))?.st_size).unwrap_or(u64::MAX);
        if bytes > RETURNED_BYTES_MAX {
            return Err(SandboxError::Limit { which: Bound::Files, used: bytes, allowed: RETURNED_BYTES_MAX });
        }
        copy(opened, &to, bytes, false).map_err(failed("write", &to))
    }

    /// Apparent sizes count: a file of holes would be written out in full.
    fn count(&mut self, files: u64, bytes: u64) -> Result<(), SandboxError> {
        self.files += files;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > FILES_MAX {
            return Err(SandboxError::Limit { which: Bound::Results, used: self.files, allowed: FILES_MAX });
        }
        if self.bytes > self.bytes_max {
            return Err(SandboxError::Limit { which: Bound::Files, used: self.bytes, allowed: self.bytes_max });
        }
        Ok(())
    }
}

fn kind(folder: &OwnedFd, name: &CStr) -> Option<FileType> {
    Some(FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?.st_mode))
}

fn open(folder: &OwnedFd, name: &CStr, flags: OFlags) -> Option<OwnedFd> {
    openat(folder.as_fd(), name, flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()
}

fn make_folder(to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(about) if about.is_dir() => Ok(()),
        // What an earlier job left under this name was a file.
        Ok(_) => fs::remove_file(to).and_then(|()| fs::create_dir(to)),
        Err(_) => fs::create_dir_all(to),
    }
}

fn copy(from: OwnedFd, to: &Path, bytes: u64, executable: bool) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(to)?,
        Ok(_) => fs::remove_file(to)?,
        Err(_) => {}
    }
    let mode = if executable { 0o755 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
    io::copy(&mut File::from(from).take(bytes), &mut file).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn budget() -> Budget {
        Budget { files: 0, bytes: 0, bytes_max: 1000, left_behind: 0 }
    }

    fn opened(path: &Path) -> OwnedFd {
        File::open(path).unwrap().into()
    }

    #[test]
    fn files_and_folders_come_out_and_nothing_else() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("deep")).unwrap();
        fs::write(from.path().join("deep/a"), "a").unwrap();
        fs::set_permissions(from.path().join("deep/a"), fs::Permissions::from_mode(0o6755)).unwrap();
        symlink("/etc/passwd", from.path().join("link")).unwrap();
        symlink("/etc", from.path().join("deep/folder")).unwrap();
        std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();
        let mut budget = budget();
        budget.folder(&opened(from.path()), to.path(), DEPTH_MAX).unwrap();
        assert_eq!((budget.files, budget.left_behind), (5, 3));
        assert_eq!(fs::metadata(to.path().join("deep/a")).unwrap().permissions().mode() & 0o7777, 0o755);
        assert!(fs::symlink_metadata(to.path().join("link")).is_err() && fs::symlink_metadata(to.path().join("socket")).is_err());
    }

    #[test]
    fn holes_count_as_bytes() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        File::create(from.path().join("sparse")).unwrap().set_len(1 << 40).unwrap();
        let error = budget().folder(&opened(from.path()), to.path(), DEPTH_MAX).unwrap_err();
        assert!(matches!(error, SandboxError::Limit { which: Bound::Files, used: 0x100_0000_0000, allowed: 1000 }), "{error}");
    }

    #[test]
    fn deep_folders_stay_behind() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(from.path().join("a/b")).unwrap();
        fs::write(from.path().join("a/b/c"), "").unwrap();
        let mut budget = budget();
        budget.folder(&opened(from.path()), to.path(), 1).unwrap();
        assert_eq!(budget.left_behind, 1);
        assert!(to.path().join("a").is_dir() && !to.path().join("a/b").exists());
    }

    #[test]
    fn only_plain_names_return() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("Cargo.lock"), "lock").unwrap();
        fs::write(from.path().join("big"), vec![0; RETURNED_BYTES_MAX as usize + 1]).unwrap();
        symlink("/etc/passwd", from.path().join("link")).unwrap();
        symlink("/etc/hostname", to.path().join("Cargo.lock")).unwrap();
        let mut budget = budget();
        for name in ["Cargo.lock", "link", "..", "missing", "/etc/passwd"] {
            budget.returned(&opened(from.path()), OsStr::new(name), to.path()).unwrap();
        }
        assert_eq!(fs::read_to_string(to.path().join("Cargo.lock")).unwrap(), "lock");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
        assert!(budget.returned(&opened(from.path()), OsStr::new("big"), to.path()).is_err());
    }
}
