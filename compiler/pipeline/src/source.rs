//! An extension's folder as files: what is pushed, and what a pushed version
//! is built from.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use cap_std::{
    ambient_authority,
    fs::{Dir, FileType},
};

use crate::folder::{self, Folder, FolderError};

/// Where builds keep what they make.
const RESULTS: &str = "target";
/// Files of an extension: several times those of a large rule with its cases.
const FILES_MAX: usize = 2_000;
/// Bytes of all files: several times what a registry takes, compressed.
const BYTES_MAX: usize = 32 << 20;
/// Folders within folders: deeper than any crate, and a walk that ends.
const DEPTH_MAX: usize = 16;

impl Folder {
    /// The extension's files, ordered by path, with `/` between its parts. Left
    /// out are hidden files and folders, links, and `target/` at the top.
    ///
    /// # Errors
    /// When a file cannot be read, or they are too many or too large.
    pub fn files(&self) -> Result<Vec<(String, Bytes)>, FolderError> {
        let mut walk = Walk { files: Vec::new(), bytes: 0 };
        walk.folder(self.dir(), Path::new(""), 0)?;
        walk.files.sort();
        Ok(walk.files)
    }

    /// One file that the manifest names.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than `max`.
    pub fn file(&self, path: &Path, max: usize) -> Result<Bytes, FolderError> {
        folder::read(self.dir(), path, max).map(Bytes::from)
    }
}

struct Walk {
    files: Vec<(String, Bytes)>,
    bytes: usize,
}

impl Walk {
    fn folder(&mut self, dir: &Dir, path: &Path, depth: usize) -> Result<(), FolderError> {
        if depth > DEPTH_MAX {
            return Err(FolderError::TooDeep { file: path.to_owned(), max: DEPTH_MAX });
        }
        let failed = |source| FolderError::Read { file: path.to_owned(), source };
        for entry in dir.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| FolderError::Name { file: path.join(&name) })?;
            if name.starts_with('.') || (depth == 0 && name == RESULTS) {
                continue;
            }
            let kind: FileType = entry.file_type().map_err(failed)?;
            let below = path.join(name);
            if kind.is_dir() {
                self.folder(&entry.open_dir().map_err(failed)?, &below, depth + 1)?;
            } else if kind.is_file() {
                self.file(dir, name, below)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, dir: &Dir, name: &str, path: PathBuf) -> Result<(), FolderError> {
        if self.files.len() == FILES_MAX {
            return Err(FolderError::TooManyFiles { max: FILES_MAX });
        }
        let too_large = |file| FolderError::TooLarge { file, max: BYTES_MAX };
        let left = BYTES_MAX - self.bytes;
        let bytes = match folder::read(dir, Path::new(name), left) {
            Err(FolderError::TooLarge { .. }) => return Err(too_large(path)),
            Err(FolderError::Read { source, .. }) => return Err(FolderError::Read { file: path, source }),
            bytes => bytes?,
        };
        self.bytes += bytes.len();
        let text = path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        self.files.push((text, bytes.into()));
        Ok(())
    }
}

/// Makes a folder at `path` that holds these files and nothing else. Paths are
/// followed within the folder alone.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn place<'f>(path: &Path, files: impl IntoIterator<Item = (&'f str, &'f Bytes)>) -> Result<(), FolderError> {
    let failed = |file: &Path, source| FolderError::Write { file: file.to_owned(), source };
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, error)),
        _ => {}
    }
    std::fs::create_dir_all(path).map_err(|error| failed(path, error))?;
    let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| failed(path, error))?;
    for (name, bytes) in files {
        let file = Path::new(name);
        if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            dir.create_dir_all(parent).map_err(|error| failed(file, error))?;
        }
        dir.write(file, bytes).map_err(|error| failed(file, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "id = \"x\"\nkind = \"domain_hook\"\nlang = \"rust\"\n";

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn what_an_author_wrote_is_taken_and_placed_again() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("extension.toml", MANIFEST),
            ("src/lib.rs", "a"),
            ("src/target/x.rs", "b"),
            ("tests/a.json", "{}"),
            ("target/ext/x.wasm", "built"),
            (".git/config", "hidden"),
            ("src/.cargo/config.toml", "hidden"),
        ] {
            write(dir.path(), file, text);
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("src/link.rs")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("etc")).unwrap();
        let files = Folder::open(dir.path()).unwrap().files().unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["extension.toml", "src/lib.rs", "src/target/x.rs", "tests/a.json"]);

        let other = tempfile::tempdir().unwrap();
        let path = other.path().join("acme/x");
        write(&path, "left/over", "gone");
        place(&path, files.iter().map(|(name, bytes)| (name.as_str(), bytes))).unwrap();
        assert_eq!(Folder::open(&path).unwrap().files().unwrap(), files);
    }

    #[test]
    fn nothing_is_placed_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        for outside in ["../x", "/tmp/x-of-a-test", "a/../../x"] {
            let error = place(&dir.path().join("inner"), [(outside, &Bytes::from("x"))]).unwrap_err();
            assert!(matches!(error, FolderError::Write { .. }), "{outside}: {error}");
            assert!(!dir.path().join("x").exists());
        }
    }

    #[test]
    fn endless_folders_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "extension.toml", MANIFEST);
        for number in 0..FILES_MAX {
            write(dir.path(), &format!("src/{number}.rs"), "");
        }
        assert!(matches!(Folder::open(dir.path()).unwrap().files().unwrap_err(), FolderError::TooManyFiles { .. }));
        let deep = tempfile::tempdir().unwrap();
        write(deep.path(), "extension.toml", MANIFEST);
        write(deep.path(), &format!("{}x", "a/".repeat(DEPTH_MAX + 1)), "");
        assert!(matches!(Folder::open(deep.path()).unwrap().files().unwrap_err(), FolderError::TooDeep { .. }));
    }
}
