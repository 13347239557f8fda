//! What authors push: one compressed archive, hostile until read.
//!
//! A `tar.zst` of regular files under plain relative paths. Source bundles hold
//! an extension's folder; component bundles hold `extension.toml`,
//! `component.wasm`, the schema files that the manifest names and, for an agent
//! tool, `tool.json`. Everything is bounded while it is decompressed.

mod error;
mod pack;
mod path;
mod read;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use error::BundleError;

/// Files of a bundle: several times those of a large rule with its cases.
pub const FILES_MAX: usize = 2_000;
/// Everything in a bundle, decompressed: source shrinks to a fifth or a tenth.
pub const UNPACKED_BYTES_MAX: u64 = 32 << 20;

/// A bundle as it is pushed and stored, compressed: text, schemas and tests of one extension.
pub const BUNDLE_BYTES_MAX: usize = 8 << 20;

/// The name of a component in its bundle.
pub const COMPONENT_FILE: &str = "component.wasm";
/// The name of a tool's description in its bundle.
pub const TOOL_FILE: &str = "tool.json";

/// The files of a bundle by path. Paths are relative, without `.` and `..`,
/// and no part of one begins with a dot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, Bytes>,
}

impl Bundle {
    /// One file's bytes.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&Bytes> {
        self.files.get(path)
    }

    /// Every file, in the order of paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes))
    }

    /// Puts a file in.
    ///
    /// # Errors
    /// When the path may not stand in a bundle or is there already, or there is no room.
    pub fn insert(&mut self, path: &str, bytes: Bytes) -> Result<(), BundleError> {
        path::check(path)?;
        if self.files.len() == FILES_MAX {
            return Err(BundleError::Files);
        }
        match self.files.insert(path.to_owned(), bytes) {
            None => Ok(()),
            Some(_) => Err(BundleError::Twice(path.to_owned())),
        }
    }
}
