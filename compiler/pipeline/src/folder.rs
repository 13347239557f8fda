//! An extension's folder: its manifest, schemas and cases, read within bounds.
//!
//! Foreign files are reached through one directory handle, so that no path in
//! a manifest can lead out of the folder.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use cap_std::{ambient_authority, fs::Dir};
use extensions_types::{MANIFEST_BYTES_MAX, MANIFEST_FILE, Manifest, ManifestError, SCHEMA_BYTES_MAX, Schemas};

use crate::case::{Case, CaseError};

/// The folder with an extension's test cases.
const CASES: &str = "tests";
/// Cases that are read; more would make every build slow.
const CASES_MAX: usize = 1_000;
/// A case holds an input and an output, 8 MiB each at most.
const CASE_BYTES_MAX: usize = 20 << 20;

/// Why a folder is no extension.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be opened.
    #[error("cannot open the folder {path}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It has no manifest.
    #[error("{0} has no {MANIFEST_FILE}; `ext new NAME --kind … --lang rust` makes a folder that has")]
    NoManifest(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {file}")]
    Read {
        /// Relative to the folder.
        file: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is too large.
    #[error("{file} is larger than {max} bytes")]
    TooLarge {
        /// Relative to the folder.
        file: PathBuf,
        /// Its bound.
        max: usize,
    },
    /// The manifest is refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A schema file is not JSON.
    #[error("{file} is not JSON: {reason}")]
    Schema {
        /// Relative to the folder.
        file: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A case is refused.
    #[error("{file}: {reason}")]
    Case {
        /// Relative to the folder.
        file: PathBuf,
        /// Why.
        reason: CaseError,
    },
    /// A file cannot be written.
    #[error("cannot write {file}")]
    Write {
        /// Relative to the folder.
        file: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A name that is not UTF-8.
    #[error("{file:?} has a name that is not UTF-8; rename it")]
    Name {
        /// Relative to the folder.
        file: PathBuf,
    },
    /// Too many files.
    #[error("the folder has more than {max} files; is something built or downloaded in it?")]
    TooManyFiles {
        /// Their bound.
        max: usize,
    },
    /// Folders in folders without end.
    #[error("{file} lies more than {max} folders deep")]
    TooDeep {
        /// Relative to the folder.
        file: PathBuf,
        /// The bound.
        max: usize,
    },
    /// Too many cases.
    #[error("{CASES}/ has more than {CASES_MAX} cases")]
    TooManyCases,
}

/// An opened folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    dir: Dir,
    manifest: Manifest,
    text: String,
}

impl Folder {
    /// Opens `path` and reads its manifest.
    ///
    /// # Errors
    /// When it is no extension's folder, or its manifest is refused.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        Self::open_with(path, Path::new(MANIFEST_FILE))
    }

    /// Opens the folder of a manifest that has another name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_manifest(file: &Path) -> Result<Self, FolderError> {
        let open_error = |source| FolderError::Open { path: file.to_owned(), source };
        let file = file.canonicalize().map_err(open_error)?;
        match (file.parent(), file.file_name()) {
            (Some(folder), Some(name)) => Self::open_with(folder, Path::new(name)),
            _ => Err(open_error(std::io::ErrorKind::InvalidInput.into())),
        }
    }

    fn open_with(path: &Path, file: &Path) -> Result<Self, FolderError> {
        let open_error = |source| FolderError::Open { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(open_error)?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(open_error)?;
        let text = match read(&dir, file, MANIFEST_BYTES_MAX) {
            Err(FolderError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Err(FolderError::NoManifest(path)),
            text => text?,
        };
        let text = String::from_utf8(text).map_err(|error| FolderError::Schema { file: file.to_owned(), reason: error.to_string() })?;
        Ok(Self { manifest: Manifest::parse(&text)?, path, dir, text })
    }

    /// The folder's own path, made absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the author wrote down.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The same, as it stands in the file.
    #[must_use]
    pub fn manifest_text(&self) -> &str {
        &self.text
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The schemas that the manifest names.
    ///
    /// # Errors
    /// When a file is missing, too large or not JSON.
    pub fn schemas(&self) -> Result<Schemas, FolderError> {
        let read_schema = |file: &Option<PathBuf>| {
            let Some(file) = file else { return Ok(None) };
            let text = read(&self.dir, file, SCHEMA_BYTES_MAX)?;
            serde_json::from_slice(&text).map(Some).map_err(|error| FolderError::Schema { file: file.clone(), reason: error.to_string() })
        };
        Ok(Schemas { input: read_schema(&self.manifest.schemas.input)?, output: read_schema(&self.manifest.schemas.output)? })
    }

    /// The test cases, ordered by file name; none where there is no `tests/`.
    ///
    /// # Errors
    /// When a case cannot be read or understood.
    pub fn cases(&self) -> Result<Vec<Case>, FolderError> {
        let listing = |source| FolderError::Read { file: CASES.into(), source };
        let entries = match self.dir.read_dir(CASES) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(listing)?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let file = Path::new(CASES).join(entry.map_err(listing)?.file_name());
            if file.extension().is_some_and(|extension| extension == "json") {
                files.push(file);
            }
            if files.len() > CASES_MAX {
                return Err(FolderError::TooManyCases);
            }
        }
        files.sort();
        files.into_iter().map(|file| self.case(&file)).collect()
    }

    fn case(&self, file: &Path) -> Result<Case, FolderError> {
        let text = read(&self.dir, file, CASE_BYTES_MAX)?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Case::parse(&text, stem).map_err(|reason| FolderError::Case { file: file.to_owned(), reason })
    }
}

pub(crate) fn read(dir: &Dir, file: &Path, max: usize) -> Result<Vec<u8>, FolderError> {
    let failed = |source| FolderError::Read { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    dir.open(file).map_err(failed)?.take(max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > max {
        return Err(FolderError::TooLarge { file: file.to_owned(), max });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(manifest: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MANIFEST_FILE), manifest).unwrap();
        dir
    }

    const SMALL: &str = "id = \"x\"\nkind = \"domain_hook\"\nlang = \"rust\"\n";

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for outside in ["/etc/passwd", "../secret.json", "link.json"] {
            let dir = folder(&format!("{SMALL}[schemas]\ninput = \"{outside}\"\n"));
            std::fs::write(dir.path().parent().unwrap().join("secret.json"), "{}").unwrap();
            std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.json")).unwrap();
            let error = Folder::open(dir.path()).unwrap().schemas().unwrap_err();
            assert!(matches!(error, FolderError::Read { .. }), "{outside}: {error}");
        }
    }

    #[test]
    fn what_is_missing_or_huge_is_named() {
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Folder::open(empty.path()), Err(FolderError::NoManifest(_))));
        assert!(matches!(Folder::open(Path::new("/nowhere/at/all")), Err(FolderError::Open { .. })));
        let huge = folder(&"#".repeat(MANIFEST_BYTES_MAX + 1));
        assert!(matches!(Folder::open(huge.path()), Err(FolderError::TooLarge { .. })));
    }

    #[test]
    fn cases_come_in_order_and_wrong_ones_are_named() {
        let dir = folder(SMALL);
        assert!(Folder::open(dir.path()).unwrap().cases().unwrap().is_empty());
        std::fs::create_dir(dir.path().join(CASES)).unwrap();
        for name in ["b.json", "a.json", "notes.md"] {
            std::fs::write(dir.path().join(CASES).join(name), r#"{"input": {}, "expect": {"output": {}}}"#).unwrap();
        }
        let names: Vec<_> = Folder::open(dir.path()).unwrap().cases().unwrap().into_iter().map(|case| case.name).collect();
        assert_eq!(names, ["a", "b"]);
        std::fs::write(dir.path().join(CASES).join("c.json"), r#"{"input": {}, "expects": 1}"#).unwrap();
        let error = Folder::open(dir.path()).unwrap().cases().unwrap_err().to_string();
        assert!(error.starts_with("tests/c.json") && error.contains("expects"), "{error}");
    }
}
