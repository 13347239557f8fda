//! Packs the SDK: `cargo vendor`, the SDK's own crates beside it, a deterministic archive.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::hex_digest;
use crate::child::{self, ChildError};

/// The SDK's own crates, by their folders below the SDK's.
const OWN_CRATES: [(&str, &str); 2] = [("ameide-extension", "."), ("ameide-extension-macros", "macros")];
/// Folders of dependencies that no build reads.
const LEFT_OUT: [&str; 6] = ["benches", "ci", "doc", "docs", "examples", "tests"];
/// Beyond this the archive hardly shrinks, and an unoptimised build script waits long.
const COMPRESSION_LEVEL: i32 = 12;
/// Downloading a dozen small crates.
const VENDOR_LIMIT: Duration = Duration::from_secs(300);
const CHECKSUM_FILE: &str = ".cargo-checksum.json";

/// Why no archive came out.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The SDK's sources or the archive.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// `cargo vendor` could not run.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// `cargo vendor` failed.
    #[error("`cargo vendor` failed: {0}")]
    Vendor(String),
    /// A manifest that is not what it should be.
    #[error("{0}: not a manifest of the SDK: {1}")]
    Manifest(PathBuf, String),
}

/// An archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// SHA-256 of the archive, as lowercase hex.
    pub digest: String,
    /// Its size.
    pub bytes: usize,
}

/// Packs the SDK in `sdk` (a checkout's `sdk/guest/rust`) into the file `out`.
///
/// The same sources and lock file give the same bytes.
///
/// # Errors
/// When the sources cannot be read, or their dependencies cannot be had.
pub fn pack(sdk: &Path, out: &Path) -> Result<Packed, PackError> {
    let scratch = tempfile::tempdir().map_err(|source| PackError::Io { path: std::env::temp_dir(), source })?;
    let vendored = scratch.path().join("vendor");
    vendor(sdk, &vendored)?;
    let mut files = BTreeMap::new();
    for folder in folders(&vendored)? {
        collect(&vendored, &folder, &mut files)?;
    }
    for (name, folder) in OWN_CRATES {
        own_crate(name, &sdk.join(folder), &mut files)?;
    }
    let archive = compress(&files).map_err(|source| PackError::Io { path: out.to_owned(), source })?;
    std::fs::write(out, &archive).map_err(|source| PackError::Io { path: out.to_owned(), source })?;
    Ok(Packed { digest: hex_digest(&archive), bytes: archive.len() })
}

/// Packs an SDK that needs nothing besides itself: the files and folders `parts` of `sdk`, as
/// they lie there, into the file `out`.
///
/// The same sources give the same bytes.
///
/// # Errors
/// When the sources cannot be read or the archive cannot be written.
pub fn pack_plain(sdk: &Path, parts: &[&str], out: &Path) -> Result<Packed, PackError> {
    let mut files = BTreeMap::new();
    for part in parts {
        let path = sdk.join(part);
        if path.is_dir() {
            collect(sdk, &path, &mut files)?;
        } else {
            files.insert((*part).to_owned(), read(&path)?);
        }
    }
    let archive = compress(&files).map_err(|source| PackError::Io { path: out.to_owned(), source })?;
    std::fs::write(out, &archive).map_err(|source| PackError::Io { path: out.to_owned(), source })?;
    Ok(Packed { digest: hex_digest(&archive), bytes: archive.len() })
}

/// Without a network first: what was fetched before is enough.
fn vendor(sdk: &Path, into: &Path) -> Result<(), PackError> {
    let run = |offline: bool| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // A build script's own cargo variables are not meant for another build.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if (text.starts_with("CARGO_") && text != "CARGO_HOME" && !text.starts_with("CARGO_HTTP")) || text.starts_with("RUSTC") {
                command.env_remove(&name);
            }
        }
        command.args(["vendor", "--locked", "--versioned-dirs", "--quiet"]).args(offline.then_some("--offline"));
        command.arg("--manifest-path").arg(sdk.join("Cargo.toml")).arg(into).current_dir(sdk);
        child::run(command, VENDOR_LIMIT, &mut |_| {})
    };
    if run(true)?.success {
        return Ok(());
    }
    let finished = run(false)?;
    if finished.success { Ok(()) } else { Err(PackError::Vendor(finished.stderr)) }
}

/// A dependency's files, with a checksum list that names none: some are left out.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), PackError> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(dir) = waiting.pop() {
        for (path, is_dir) in entries(&dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is_dir {
                if !(dir == folder && (LEFT_OUT.contains(&&*name) || name.starts_with('.'))) {
                    waiting.push(path);
                }
            } else if name == CHECKSUM_FILE {
                let package = package_checksum(&path)?;
                files.insert(relative(root, &path), format!(r#"{{"files":{{}},"package":{package}}}"#).into_bytes());
            } else {
                files.insert(relative(root, &path), read(&path)?);
            }
        }
    }
    Ok(())
}

/// One of the SDK's own crates: its manifest as a registry would have it, and `src/`.
fn own_crate(name: &str, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), PackError> {
    let path = folder.join("Cargo.toml");
    let (version, manifest) = published(&path)?;
    let prefix = format!("{name}-{version}");
    files.insert(format!("{prefix}/Cargo.toml"), manifest.into_bytes());
    files.insert(format!("{prefix}/{CHECKSUM_FILE}"), br#"{"files":{},"package":null}"#.to_vec());
    let mut waiting = vec![folder.join("src")];
    while let Some(dir) = waiting.pop() {
        for (path, is_dir) in entries(&dir)? {
            if is_dir {
                waiting.push(path);
            } else {
                files.insert(format!("{prefix}/{}", relative(folder, &path)), read(&path)?);
            }
        }
    }
    Ok(())
}

/// A crate's version and its manifest without what only its checkout has.
fn published(path: &Path) -> Result<(String, String), PackError> {
    let wrong = |what: String| PackError::Manifest(path.to_owned(), what);
    let text = std::fs::read_to_string(path).map_err(|source| PackError::Io { path: path.to_owned(), source })?;
    let mut manifest: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    manifest.remove("workspace");
    manifest.remove("dev-dependencies");
    for (_, dependency) in manifest.get_mut("dependencies").and_then(toml::Value::as_table_mut).into_iter().flatten() {
        if let Some(table) = dependency.as_table_mut() {
            table.remove("path");
        }
    }
    let version = manifest.get("package").and_then(|package| package.get("version")).and_then(toml::Value::as_str);
    let version = version.ok_or_else(|| wrong("package.version is missing".into()))?.to_owned();
    Ok((version, toml::to_string(&manifest).map_err(|error| wrong(error.to_string()))?))
}

/// The checksum of the package in its registry, as JSON; lock files name it.
fn package_checksum(path: &Path) -> Result<String, PackError> {
    let known: serde_json::Value = serde_json::from_slice(&read(path)?).map_err(|error| PackError::Manifest(path.to_owned(), error.to_string()))?;
    Ok(known["package"].to_string())
}

/// Sorted, without times and owners.
fn compress(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), COMPRESSION_LEVEL)?);
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes.as_slice())?;
    }
    archive.into_inner()?.finish()
}

fn folders(root: &Path) -> Result<Vec<PathBuf>, PackError> {
    Ok(entries(root)?.into_iter().filter(|(_, is_dir)| *is_dir).map(|(path, _)| path).collect())
}

fn entries(dir: &Path) -> Result<Vec<(PathBuf, bool)>, PackError> {
    let failed = |source| PackError::Io { path: dir.to_owned(), source };
    let list = std::fs::read_dir(dir).map_err(failed)?;
    list.map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?.is_dir())))).collect::<io::Result<_>>().map_err(failed)
}

fn read(path: &Path) -> Result<Vec<u8>, PackError> {
    std::fs::read(path).map_err(|source| PackError::Io { path: path.to_owned(), source })
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_loses_its_paths_and_its_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Cargo.toml");
        let text = "[package]\nname = \"a\"\nversion = \"1.2.3\"\n[workspace]\nmembers = [\"b\"]\n[dependencies]\nb = { version = \"1\", path = \"b\" }\nc = \"2\"\n";
        std::fs::write(&path, text).unwrap();
        let (version, manifest) = published(&path).unwrap();
        assert_eq!(version, "1.2.3");
        assert!(!manifest.contains("path") && !manifest.contains("workspace"), "{manifest}");
        assert!(manifest.contains("version = \"1\"") && manifest.contains("c = \"2\""));
    }

    #[test]
    fn a_plain_sdk_is_packed_part_by_part() {
        let sdk = tempfile::tempdir().unwrap();
        for path in ["package/index.ts", "package/json/value.ts", "tests/left-out.ts", "go.mod"] {
            let path = sdk.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let out = sdk.path().join("out.tar.zst");
        pack_plain(sdk.path(), &["package", "go.mod"], &out).unwrap();
        let mut archive = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(out).unwrap()).unwrap());
        let names: Vec<_> = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, ["go.mod", "package/index.ts", "package/json/value.ts"]);
    }

    #[test]
    fn the_same_files_give_the_same_archive() {
        let files = BTreeMap::from([("a/Cargo.toml".to_owned(), b"x".to_vec()), ("a/src/lib.rs".to_owned(), vec![7; 4096])]);
        assert_eq!(compress(&files).unwrap(), compress(&files).unwrap());
    }

    #[test]
    fn bulk_is_left_out_and_the_checksum_names_no_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("serde-1.0.0");
        for (path, text) in
            [("src/tests/a.rs", "a"), ("tests/b.rs", "b"), ("Cargo.toml", "c"), (CHECKSUM_FILE, r#"{"files":{"x":"1"},"package":"ab"}"#)]
        {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut files = BTreeMap::new();
        collect(root.path(), &folder, &mut files).unwrap();
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["serde-1.0.0/.cargo-checksum.json", "serde-1.0.0/Cargo.toml", "serde-1.0.0/src/tests/a.rs"]);
        assert_eq!(files[names[0]], br#"{"files":{},"package":"ab"}"#);
    }
}
