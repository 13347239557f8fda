//! A guest SDK's sources with all their dependencies, as one archive that programs carry.
//!
//! A build script packs it, a build of a guest unpacks it once per digest: a new
//! extension builds with no checkout and no network.

mod pack;
mod unpack;

use std::path::PathBuf;

use extensions_types::{Language, Sha256};
use sha2::{Digest as _, Sha256 as Hasher};

pub use pack::{PackError, Packed, pack, pack_plain};
pub use unpack::{UnpackError, unpack};

/// A packed SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdk {
    /// A `.tar.zst` of [`pack()`].
    pub archive: &'static [u8],
    /// Its SHA-256, as lowercase hex.
    pub digest: &'static str,
}

impl Sdk {
    /// No SDK: what is unpacked is an empty folder.
    pub const NONE: Self = Self { archive: &[], digest: NOTHING_SHA256 };
}

/// SHA-256 of no bytes.
const NOTHING_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// One for each language that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdks {
    /// A cargo directory source.
    pub rust: Sdk,
    /// Go modules.
    pub tinygo: Sdk,
    /// AssemblyScript sources.
    pub assemblyscript: Sdk,
}

impl Sdks {
    /// The language's own.
    #[must_use]
    pub const fn of(&self, language: Language) -> Sdk {
        match language {
            Language::Rust => self.rust,
            Language::TinyGo => self.tinygo,
            Language::AssemblyScript => self.assemblyscript,
            Language::Wasm => Sdk::NONE,
        }
    }
}

/// An unpacked SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdkDir {
    /// The folder; of the Rust SDK with one folder per crate.
    pub path: PathBuf,
    /// SHA-256 of the archive that it came from, as lowercase hex.
    pub digest: String,
}

/// SHA-256 as it is written everywhere.
pub(crate) fn hex_digest(bytes: &[u8]) -> String {
    hex(Hasher::new_with_prefix(bytes))
}

/// The same, of what `digest` has taken in.
pub(crate) fn hex(digest: Hasher) -> String {
    Sha256::new(digest.finalize().into()).to_string()
}
