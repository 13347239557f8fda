//! The guest SDK's sources with all their dependencies, as one archive that `ext` carries.
//!
//! `ext`'s build script packs it, `ext build` unpacks it once per digest into
//! a cargo directory source: a new extension builds with no checkout and no network.

mod pack;
mod unpack;

use std::{fmt::Write as _, path::PathBuf};

use sha2::{Digest as _, Sha256};

pub use pack::{PackError, Packed, pack};
pub use unpack::{UnpackError, unpack};

/// An unpacked SDK: a cargo directory source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdkDir {
    /// The folder with one folder per crate.
    pub path: PathBuf,
    /// SHA-256 of the archive that it came from, as lowercase hex.
    pub digest: String,
}

pub(crate) fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
