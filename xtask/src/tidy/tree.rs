//! All files of the repository, read once, and the folders that they make.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// A larger file is data; no rule here is about it.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root.
    pub(super) path: String,
    /// The first bytes, by which a compiled file is known.
    pub(super) start: Vec<u8>,
    /// Its text, where it is one.
    pub(super) text: Option<String>,
}

/// The repository's files by path.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, File>,
    folders: BTreeSet<String>,
}

impl Tree {
    /// Reads every file that is or would be in git.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let mut tree = Self::default();
        for path in workspace.files()? {
            let bytes = std::fs::read(workspace.path(&path)).with_context(|| format!("{path} cannot be read"))?;
            tree.add(path, bytes);
        }
        Ok(tree)
    }

    fn add(&mut self, path: String, bytes: Vec<u8>) {
        let folders = path.char_indices().filter(|&(_, c)| c == '/').map(|(at, _)| path[..at].to_owned());
        self.folders.extend(folders);
        let start = bytes.iter().copied().take(8).collect();
        let text = Some(bytes).filter(|bytes| bytes.len() <= TEXT_BYTES_MAX).and_then(|bytes| String::from_utf8(bytes).ok());
        self.files.insert(path.clone(), File { path, start, text });
    }

    /// All of them, by path.
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// The text of one.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// Whether there is such a file or folder; the root is one.
    pub(super) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.files.contains_key(path) || self.folders.contains(path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add((*path).to_owned(), text.as_bytes().to_vec());
        }
        tree
    }
}
