//! Unpacks the SDK's archive once per digest; a half-unpacked one is never seen.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{Sdk, SdkDir, hex_digest};
use crate::Home;

/// The SDK and its dependencies, several times over.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;

/// Why the SDK is not there.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive is not the one that was packed.
    #[error("the SDK's archive is damaged: its digest is {got}, not {expected}; install `ext` again")]
    Digest {
        /// What the bytes give.
        got: String,
        /// What the build wrote down.
        expected: String,
    },
    /// Reading or writing failed.
    #[error("the SDK cannot be unpacked to {path}: {source}")]
    Io {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Unpacks an SDK below `home`, if it is not there yet.
///
/// # Errors
/// When the bytes do not match their digest, or cannot be written.
pub fn unpack(home: &Home, Sdk { archive, digest }: Sdk) -> Result<SdkDir, UnpackError> {
    let got = hex_digest(archive);
    if got != digest {
        return Err(UnpackError::Digest { got, expected: digest.to_owned() });
    }
    let path = home.sdk_dir(digest);
    if !path.is_dir() {
        write(archive, &path).map_err(|source| UnpackError::Io { path: path.clone(), source })?;
    }
    Ok(SdkDir { path, digest: digest.to_owned() })
}

/// Beside its place first, then renamed: another process may do the same.
fn write(archive: &[u8], path: &Path) -> io::Result<()> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(parent)?;
    if archive.is_empty() {
        return std::fs::create_dir_all(path);
    }
    let scratch = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent)?;
    let content = zstd::Decoder::new(archive)?.take(UNPACKED_BYTES_MAX);
    let unpacked = scratch.path().join("sdk");
    tar::Archive::new(content).unpack(&unpacked)?;
    match std::fs::rename(&unpacked, path) {
        Err(_) if path.is_dir() => Ok(()), // someone else was faster with the same bytes
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk() -> Sdk {
        let archive: &'static [u8] = archive().leak();
        Sdk { archive, digest: hex_digest(archive).leak() }
    }

    fn archive() -> Vec<u8> {
        let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        tar.append_data(&mut header, "a-1.0.0/Cargo.toml", &b"ok"[..]).unwrap();
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn it_is_unpacked_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let packed = sdk();
        let sdk = unpack(&home, packed).unwrap();
        let file = sdk.path.join("a-1.0.0/Cargo.toml");
        assert_eq!(std::fs::read(&file).unwrap(), b"ok");
        std::fs::write(&file, "seen").unwrap();
        assert_eq!(unpack(&home, packed).unwrap(), sdk);
        assert_eq!(std::fs::read(&file).unwrap(), b"seen");
        assert_eq!(std::fs::read_dir(dir.path().join("sdk")).unwrap().count(), 1, "no scratch is left");
    }

    #[test]
    fn a_damaged_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = unpack(&Home::at(dir.path()), Sdk { archive: &sdk().archive[1..], ..sdk() }).unwrap_err();
        assert!(error.to_string().contains("install `ext` again"));
    }
}
