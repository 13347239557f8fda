//! The folder with compiled dependencies, which all extensions of one SDK build in.
//!
//! Cargo tells packages of two folders apart neither by their paths nor by their
//! content, only by name, version and the files' times: in a shared folder, a
//! copy of an extension would be given what the original was built to. So the
//! folder belongs to one extension at a time, and what cargo noted about the
//! packages of the one before is forgotten. Those of the SDK stay.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::TARGET;
use crate::{BuildError, sdk::SdkDir};

/// Names the extension whose packages cargo's notes are about. Locked while one builds.
const OWNER: &str = ".owner";

/// The folder, while one extension builds in it.
#[derive(Debug)]
pub(super) struct Shared {
    _lock: File,
}

impl Shared {
    /// Waits for its turn, and forgets the packages of another extension.
    pub(super) fn enter(path: &Path, sdk: &SdkDir, folder: &Path) -> Result<Self, BuildError> {
        let failed = |source| BuildError::Io { path: path.to_owned(), source };
        let owner = path.join(OWNER);
        let lock = File::options().create(true).truncate(false).read(true).write(true).open(&owner).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let this = folder.as_os_str().as_encoded_bytes();
        if fs::read(&owner).map_err(failed)? != this {
            forget(path, &packages(&sdk.path).map_err(failed)?).map_err(failed)?;
            fs::write(&owner, this).map_err(failed)?;
        }
        Ok(Self { _lock: lock })
    }
}

/// The names of the SDK's packages; each lies in a folder `name-version`.
fn packages(sdk: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(sdk)? {
        let folder = entry?.file_name().to_string_lossy().into_owned();
        let version = folder.match_indices('-').find(|(at, _)| folder[at + 1..].starts_with(|first: char| first.is_ascii_digit()));
        names.insert(version.map_or(folder.as_str(), |(at, _)| &folder[..at]).to_owned());
    }
    Ok(names)
}

/// Removes cargo's notes about every package but `kept`; it builds those anew.
fn forget(path: &Path, kept: &BTreeSet<String>) -> io::Result<()> {
    for notes in [path.join("release/.fingerprint"), path.join(TARGET).join("release/.fingerprint")] {
        let entries = match fs::read_dir(&notes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let note: PathBuf = entry?.path();
            // `name-hash`
            let name = note.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !name.rsplit_once('-').is_some_and(|(package, _)| kept.contains(package)) {
                fs::remove_dir_all(&note)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_extensions_packages_are_forgotten_and_the_sdks_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let (sdk, shared) = (dir.path().join("sdk"), dir.path().join("deps"));
        for folder in ["serde-1.0.229", "ameide-extension-macros-1.0.0-rc.1"] {
            fs::create_dir_all(sdk.join(folder)).unwrap();
        }
        let notes = shared.join("release/.fingerprint");
        let make = |names: &[&str]| names.iter().for_each(|name| fs::create_dir_all(notes.join(name)).unwrap());
        let sdk = SdkDir { path: sdk, digest: String::new() };
        let left = || {
            let mut left: Vec<_> = fs::read_dir(&notes).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            left.sort();
            left
        };
        make(&["serde-0123456789abcdef", "ameide-extension-macros-0123456789abcdef"]);
        drop(Shared::enter(&shared, &sdk, Path::new("/a")).unwrap());
        make(&["rule-0123456789abcdef"]);
        drop(Shared::enter(&shared, &sdk, Path::new("/a")).unwrap());
        assert_eq!(left().len(), 3, "its own are kept");
        drop(Shared::enter(&shared, &sdk, Path::new("/b")).unwrap());
        assert_eq!(left(), ["ameide-extension-macros-0123456789abcdef", "serde-0123456789abcdef"]);
    }
}
