//! Waits for changes of the folders, and gathers those of one save.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// An editor's save is several events; a build begins when they have ended.
const QUIET: Duration = Duration::from_millis(30);
/// Changes that may wait; more of the same folder tell nothing new.
const QUEUE: usize = 256;
/// Folders in an extension's own that builds write to.
const OUTPUT: [&str; 2] = ["target", ".git"];
/// Written by cargo next to the manifest while it builds.
const LOCK_FILE: &str = "Cargo.lock";

/// Watches folders until dropped.
pub(crate) struct Watch {
    changed: mpsc::Receiver<PathBuf>,
    waiting: BTreeSet<PathBuf>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    pub(crate) fn start<'f>(folders: impl Iterator<Item = &'f Path>) -> Result<Self, Failure> {
        let failed = |error: notify::Error| Failure::Local(format!("cannot watch: {error}"));
        let folders: Vec<PathBuf> = folders.map(Path::to_owned).collect();
        let (changed, receiver) = mpsc::channel(QUEUE);
        let known = folders.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            for folder in event.paths.iter().filter_map(|path| changed_folder(&known, path, event.kind)) {
                // A full queue already holds a change of this folder or soon will: another build comes.
                let _ = changed.try_send(folder.clone());
            }
        })
        .map_err(failed)?;
        for folder in &folders {
            watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
        }
        Ok(Self { changed: receiver, waiting: BTreeSet::new(), _watcher: watcher })
    }

    /// The next folder that has changed and is quiet again.
    pub(crate) async fn next(&mut self) -> PathBuf {
        loop {
            if let Some(folder) = self.waiting.first().cloned() {
                match tokio::time::timeout(QUIET, self.changed.recv()).await {
                    Ok(Some(folder)) => drop(self.waiting.insert(folder)),
                    Ok(None) | Err(_) => {
                        self.waiting.remove(&folder);
                        return folder;
                    }
                }
            } else {
                match self.changed.recv().await {
                    Some(folder) => drop(self.waiting.insert(folder)),
                    // The watcher lives as long as this does, so its end never comes.
                    None => std::future::pending().await,
                }
            }
        }
    }
}

/// The folder that a change belongs to; none for what builds write and for mere reads.
fn changed_folder<'f>(folders: &'f [PathBuf], path: &Path, kind: EventKind) -> Option<&'f PathBuf> {
    if matches!(kind, EventKind::Access(_)) {
        return None;
    }
    folders.iter().find(|folder| {
        path.strip_prefix(folder).is_ok_and(|inside| {
            let first = inside.iter().next().map(|part| part.to_string_lossy());
            first.is_some_and(|first| !OUTPUT.contains(&&*first) && first != LOCK_FILE)
        })
    })
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, ModifyKind};

    use super::*;

    #[test]
    fn only_what_an_author_writes_counts() {
        let folders = [PathBuf::from("/a"), PathBuf::from("/b")];
        let folder = |path: &str, kind| changed_folder(&folders, Path::new(path), kind).map(|path| path.to_str().unwrap());
        let write = EventKind::Modify(ModifyKind::Any);
        assert_eq!(folder("/b/src/lib.rs", write), Some("/b"));
        assert_eq!(folder("/a/extension.toml", write), Some("/a"));
        assert_eq!(folder("/a/target/ext/a.wasm", write), None);
        assert_eq!(folder("/a/Cargo.lock", write), None);
        assert_eq!(folder("/c/src/lib.rs", write), None);
        assert_eq!(folder("/a/src/lib.rs", EventKind::Access(AccessKind::Any)), None);
    }
}
