//! The last copy on this machine's disk: the index, the entries that were
//! called, and control. Only this host writes and reads it; what it cannot use
//! it passes over, since the store is asked as well.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use extensions_artifact::{Etag, Key, Owned, document};
use extensions_types::{Environment, ExtensionId, TenantId};
use serde::{Deserialize, Serialize};

/// A larger index is none of ours: it has about 100 bytes for each extension.
const INDEX_BYTES_MAX: u64 = 256 << 20;
const INDEX: &str = "index.json";
const CONTROL: &str = "control.json";
const ENTRIES: &str = "entries";
/// The extension of a file that is being written.
const STAGED: &str = "tmp";

/// Where copies are kept.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    folder: PathBuf,
    env: Environment,
    /// The store that the copies are of: another one's are passed over.
    store: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct IndexCopy {
    env: Environment,
    store: String,
    rows: Vec<(TenantId, ExtensionId, Option<Etag>)>,
}

impl Copy {
    /// Copies of `env` as `store` has it, under `data_dir`.
    pub(crate) fn open(data_dir: &Path, env: Environment, store: String) -> io::Result<Self> {
        let folder = data_dir.join("catalog").join(env.as_str());
        DirBuilder::new().recursive(true).mode(0o700).create(folder.join(ENTRIES))?;
        let copy = Self { folder, env, store };
        if copy.read_index().is_none() {
            // Of another store, damaged, or not there: its entries are nobody's.
            copy.clear()?;
        }
        // Nobody writes yet: what is staged was left by a process that was killed.
        for file in fs::read_dir(copy.folder.join(ENTRIES))? {
            let path = file?.path();
            if is_staged(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(copy)
    }

    /// The rows of the last index; none where there is no usable copy.
    pub(crate) fn index(&self) -> Option<Vec<(Owned, Option<Etag>)>> {
        let rows = self.read_index()?.rows;
        Some(rows.into_iter().map(|(tenant, extension, etag)| (Owned::new(tenant, extension), etag)).collect())
    }

    fn read_index(&self) -> Option<IndexCopy> {
        let bytes = read(&self.folder.join(INDEX), INDEX_BYTES_MAX)?;
        let index: IndexCopy = document::decode(&bytes).map_err(|error| tracing::warn!(%error, "the last copy of the index is unusable")).ok()?;
        (index.env == self.env && index.store == self.store).then_some(index)
    }

    pub(crate) fn save_index(&self, rows: Vec<(Owned, Option<Etag>)>) -> io::Result<()> {
        let rows = rows.into_iter().map(|(of, etag)| (of.tenant, of.extension, etag)).collect();
        let index = IndexCopy { env: self.env, store: self.store.clone(), rows };
        let bytes = document::encode(&index).map_err(io::Error::other)?;
        self.write(INDEX, &bytes)
    }

    /// The entry's document as it was when it was last taken.
    pub(crate) fn entry(&self, of: &Owned) -> Option<Bytes> {
        read(&self.folder.join(entry_name(of)), of.entry(self.env).bytes_max())
    }

    pub(crate) fn save_entry(&self, of: &Owned, bytes: &[u8]) -> io::Result<()> {
        self.write(&entry_name(of), bytes)
    }

    pub(crate) fn remove_entry(&self, of: &Owned) -> io::Result<()> {
        match fs::remove_file(self.folder.join(entry_name(of))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes the copies of entries that are not wanted: their extensions are gone.
    pub(crate) fn keep_only(&self, wanted: impl Fn(&TenantId, &ExtensionId) -> bool) -> io::Result<()> {
        for file in fs::read_dir(self.folder.join(ENTRIES))? {
            let file = file?;
            if is_staged(&file.path()) {
                // Being written just now: its entry is wanted.
                continue;
            }
            let is_wanted = file.file_name().to_str().and_then(of_name).is_some_and(|of| wanted(&of.tenant, &of.extension));
            if !is_wanted {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    /// Control's document as it was when it was last taken.
    pub(crate) fn control(&self) -> Option<Bytes> {
        read(&self.folder.join(CONTROL), Key::ControlState { env: self.env }.bytes_max())
    }

    pub(crate) fn save_control(&self, bytes: &[u8]) -> io::Result<()> {
        self.write(CONTROL, bytes)
    }

    fn clear(&self) -> io::Result<()> {
        for name in [INDEX, CONTROL] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        for file in fs::read_dir(self.folder.join(ENTRIES))? {
            fs::remove_file(file?.path())?;
        }
        Ok(())
    }

    /// Whole or not at all: written beside, synced, renamed.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(name);
        let staged = path.with_extension(STAGED);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&staged, &path)
    }
}

/// Neither id holds a dot or a slash: one name for each extension, inside the folder.
fn entry_name(of: &Owned) -> String {
    format!("{ENTRIES}/{}.{}.json", of.tenant, of.extension)
}

fn is_staged(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == STAGED)
}

fn of_name(name: &str) -> Option<Owned> {
    let (tenant, extension) = name.strip_suffix(".json")?.split_once('.')?;
    Some(Owned::new(TenantId::parse(tenant).ok()?, ExtensionId::parse(extension).ok()?))
}

/// The file's bytes; none where it is absent, unreadable or larger than `max`.
fn read(path: &Path, max: u64) -> Option<Bytes> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() as u64 <= max => Some(bytes.into()),
        Ok(_) => None,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "a last copy cannot be read");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tenant: &str, extension: &str) -> Owned {
        Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse(extension).unwrap())
    }

    #[test]
    fn what_was_saved_is_there_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let open = || Copy::open(home.path(), Environment::Prod, "here".to_owned()).unwrap();
        let copy = open();
        assert!(copy.index().is_none());
        copy.save_index(vec![(of("a", "x"), None), (of("a-b", "x"), None)]).unwrap();
        copy.save_entry(&of("a", "x"), b"one").unwrap();
        copy.save_control(b"two").unwrap();
        let copy = open();
        assert_eq!(copy.index().unwrap(), [(of("a", "x"), None), (of("a-b", "x"), None)]);
        assert_eq!(copy.entry(&of("a", "x")).unwrap(), "one");
        assert_eq!(copy.control().unwrap(), "two");
        copy.keep_only(|tenant, _| tenant.as_str() == "a").unwrap();
        assert!(copy.entry(&of("a", "x")).is_some());
        copy.keep_only(|_, _| false).unwrap();
        copy.remove_entry(&of("a", "x")).unwrap();
        assert!(copy.entry(&of("a", "x")).is_none());
    }

    #[test]
    fn what_is_being_written_is_left_alone_and_swept_by_the_next_start() {
        let home = tempfile::tempdir().unwrap();
        let open = || Copy::open(home.path(), Environment::Prod, "here".to_owned()).unwrap();
        let copy = open();
        copy.save_index(Vec::new()).unwrap();
        let staged = copy.folder.join(ENTRIES).join("a.x.tmp");
        fs::write(&staged, b"half").unwrap();
        copy.keep_only(|_, _| false).unwrap();
        assert!(staged.exists());
        open();
        assert!(!staged.exists());
    }

    #[test]
    fn another_store_or_environment_is_never_answered_from_it() {
        let home = tempfile::tempdir().unwrap();
        let copy = Copy::open(home.path(), Environment::Prod, "here".to_owned()).unwrap();
        copy.save_index(vec![(of("a", "x"), None)]).unwrap();
        copy.save_entry(&of("a", "x"), b"one").unwrap();
        let other = Copy::open(home.path(), Environment::Dev, "here".to_owned()).unwrap();
        assert!(other.index().is_none() && other.entry(&of("a", "x")).is_none());
        let moved = Copy::open(home.path(), Environment::Prod, "there".to_owned()).unwrap();
        assert!(moved.index().is_none() && moved.entry(&of("a", "x")).is_none());
    }

    #[test]
    fn a_damaged_or_newer_copy_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let copy = Copy::open(home.path(), Environment::Prod, "here".to_owned()).unwrap();
        for text in ["", "{", "{\"schema\":2}", "{\"schema\":1,\"env\":\"prod\",\"store\":\"here\",\"rows\":[[\"..\",\"x\",null]]}"] {
            copy.write(INDEX, text.as_bytes()).unwrap();
            assert!(copy.index().is_none(), "{text}");
        }
    }
}
