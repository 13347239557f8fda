//! The local cache of machine code: one directory that only this host reads.
//!
//! A file is the code followed by a trailer: whether the component runs code
//! at its start (asked at each load, when the component itself may be far
//! away), and the MAC, keyed with this host's own key, over compatibility hash,
//! component digest, code digest and that answer. Files appear by rename and
//! never change, since running code is mapped from them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{digest, hmac, rand};
use extensions_engine_config::CompatibilityHash;
use extensions_types::Sha256;

use crate::{Code, digest::finished, signed::Opened};

const KEY_FILE: &str = "mac.key";
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
/// Marks a whole file; bump it when the trailer changes.
const MAGIC: &[u8; 8] = b"extcwas2";
const TRAILER_BYTES: usize = 1 + MAC_BYTES + MAGIC.len();
/// Beyond this the oldest files go, down to nine tenths.
const DIRECTORY_BYTES_MAX: u64 = 4 << 30;

/// Why the cache cannot be used. A file that does not verify is no error: it
/// is removed and compiled again.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The file system refuses.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The directory or key may be written by others.
    #[error("{0} must belong to this user alone (mode 0700); others could make this host run their code")]
    Shared(PathBuf),
    /// The key is not one.
    #[error("{0} is not a key of {KEY_BYTES} bytes; remove it, and the cache starts anew")]
    Key(PathBuf),
    /// No randomness for a new key.
    #[error("the system gives no random bytes for a key")]
    Random,
}

fn io_error<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> CacheError + 'p {
    move |source| CacheError::Io { action, path: path.to_owned(), source }
}

/// Machine code on disk for one engine configuration.
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    key: hmac::Key,
    compatibility: CompatibilityHash,
}

impl Cache {
    /// Opens or creates the cache in `root`, for code of engine `compatibility`.
    ///
    /// # Errors
    /// When the directory cannot be used or is open to others.
    pub fn open(root: &Path, compatibility: CompatibilityHash) -> Result<Self, CacheError> {
        private_directory(root)?;
        let key = read_or_make_key(&root.join(KEY_FILE))?;
        let directory = root.join(compatibility.to_string());
        private_directory(&directory)?;
        Ok(Self { directory, key, compatibility })
    }

    /// The code of a component, verified and held open; none if it is not
    /// there or does not verify.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn get(&self, component: Sha256) -> Result<Option<Code>, CacheError> {
        let path = self.path(component);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        match self.verify(&file, component).map_err(io_error("read", &path))? {
            Some(runs_at_start) => Ok(Some(Code::new(file, component, runs_at_start))),
            None => {
                tracing::warn!(%component, "cached code does not verify; it is removed and compiled again");
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
                Ok(None)
            }
        }
    }

    /// The engine that its code is for.
    #[must_use]
    pub fn engine(&self) -> CompatibilityHash {
        self.compatibility
    }

    /// Stores code that this host's own child compiled from `component`, and gives it back, verified and held open.
    ///
    /// # Errors
    /// When the file system fails; nothing half-written is ever found later.
    pub fn put(&self, component: Sha256, code: &[u8], runs_at_start: bool) -> Result<Code, CacheError> {
        self.keep(component, code, crate::digest(code), runs_at_start, Durable::Yes)
    }

    /// Stores code that a trusted key signed for `component` and this engine,
    /// without waiting for the disk: should the machine stop now, what is left
    /// of the file does not verify, and the code is fetched again.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn adopt(&self, component: Sha256, opened: &Opened<'_>) -> Result<Code, CacheError> {
        self.keep(component, opened.code, opened.sha256, opened.runs_at_start, Durable::No)
    }

    fn keep(&self, component: Sha256, code: &[u8], sha256: Sha256, runs_at_start: bool, durable: Durable) -> Result<Code, CacheError> {
        self.make_room(code.len() as u64)?;
        let path = self.path(component);
        let staged = self.directory.join(format!("{component}.{}.{:x}.tmp", std::process::id(), random_u64()?));
        let trailer = self.trailer(component, sha256, runs_at_start.into());
        let written = write(&staged, &[code, &trailer], durable).map_err(io_error("write", &staged));
        if let Err(error) = written.and_then(|()| fs::rename(&staged, &path).map_err(io_error("rename", &staged))) {
            // The first error is the one to tell; a leftover file is swept by make_room.
            let _ = fs::remove_file(&staged);
            return Err(error);
        }
        let missing = io::Error::new(io::ErrorKind::InvalidData, "the file changed behind the host's back");
        self.get(component)?.ok_or_else(|| io_error("verify", &path)(missing))
    }

    fn trailer(&self, component: Sha256, code: Sha256, starts: u8) -> Vec<u8> {
        let mac = hmac::sign(&self.key, &self.message(component, code, starts));
        [&[starts], mac.as_ref(), MAGIC].concat()
    }

    /// Reads the whole file once: what is hashed here is what will be mapped.
    /// Whether the component runs code at its start, or none for a file that does not verify.
    fn verify(&self, mut file: &File, component: Sha256) -> io::Result<Option<bool>> {
        let Some(code_bytes) = file.metadata()?.len().checked_sub(TRAILER_BYTES as u64) else {
            return Ok(None);
        };
        let mut hasher = digest::Context::new(&digest::SHA256);
        let mut buffer = vec![0; 256 << 10];
        let mut code = Read::take(&mut file, code_bytes);
        loop {
            match code.read(&mut buffer)? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            }
        }
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact(&mut trailer)?;
        let [starts, sealed @ ..] = trailer;
        let (mac, magic) = sealed.split_at(MAC_BYTES);
        let message = self.message(component, finished(&hasher.finish()), starts);
        let is_ours = magic == MAGIC && hmac::verify(&self.key, &message, mac).is_ok();
        Ok(is_ours.then_some(starts != 0))
    }

    fn message(&self, component: Sha256, code: Sha256, starts: u8) -> Vec<u8> {
        [self.compatibility.to_string().as_bytes(), component.as_bytes(), code.as_bytes(), &[starts]].concat()
    }

    fn path(&self, component: Sha256) -> PathBuf {
        self.directory.join(format!("{component}.cwasm"))
    }

    /// Removes the oldest files when the directory has grown beyond its bound.
    fn make_room(&self, bytes: u64) -> Result<(), CacheError> {
        let list = io_error("list", &self.directory);
        let files = fs::read_dir(&self.directory).and_then(|entries| {
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry?;
                let about = entry.metadata()?;
                files.push((about.modified()?, about.len(), entry.path()));
            }
            Ok(files)
        });
        let mut files = files.map_err(list)?;
        let mut total: u64 = files.iter().map(|file| file.1).sum::<u64>() + bytes;
        if total <= DIRECTORY_BYTES_MAX {
            return Ok(());
        }
        files.sort();
        for (_, size, path) in files {
            if total <= DIRECTORY_BYTES_MAX / 10 * 9 {
                break;
            }
            // Mapped code lives on after its name is gone.
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
            total -= size;
        }
        Ok(())
    }
}

/// Whether a file must outlive this moment's power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

fn write(staged: &Path, parts: &[&[u8]], durable: Durable) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(staged)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    match durable {
        Durable::Yes => file.sync_all(),
        Durable::No => Ok(()),
    }
}

fn private_directory(path: &Path) -> Result<(), CacheError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))?;
    let about = fs::metadata(path).map_err(io_error("look at", path))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(CacheError::Shared(path.to_owned()));
    }
    Ok(())
}

/// Reads this host's key; the first process to come makes it. The link appears
/// with its content or not at all, so a second process never sees half a key.
fn read_or_make_key(path: &Path) -> Result<hmac::Key, CacheError> {
    if !path.exists() {
        let mut key = [0; KEY_BYTES];
        rand::fill(&mut key).map_err(|_| CacheError::Random)?;
        let staged = path.with_extension(format!("{:x}.tmp", random_u64()?));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged).map_err(io_error("create", &staged))?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(io_error("write", &staged))?;
        match fs::hard_link(&staged, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io_error("create", path)(error)),
            Ok(()) | Err(_) => fs::remove_file(&staged).map_err(io_error("remove", &staged))?,
        }
    }
    let key: [u8; KEY_BYTES] = fs::read(path).map_err(io_error("read", path))?.try_into().map_err(|_| CacheError::Key(path.to_owned()))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

fn random_u64() -> Result<u64, CacheError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| CacheError::Random)?;
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use extensions_engine_config::{Bounds, Profile, compile_engine};
    use proptest::prelude::*;
    use wasmtime::{Engine, component::Component};

    use super::*;
    use crate::edits::{edit, edited};

    struct Fixture {
        root: tempfile::TempDir,
        engine: Engine,
        digest: Sha256,
        code: Vec<u8>,
    }

    /// The smallest component there is: a preamble.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn fixture() -> Fixture {
        let engine = compile_engine(Profile::default()).unwrap();
        let code = engine.precompile_component(COMPONENT).unwrap();
        Fixture { root: tempfile::tempdir().unwrap(), engine, digest: crate::digest(COMPONENT), code }
    }

    impl Fixture {
        fn cache(&self) -> Cache {
            Cache::open(&self.root.path().join("aot"), CompatibilityHash::of(&self.engine)).unwrap()
        }

        fn load(&self, code: Code) -> Component {
            code.load(&self.engine).unwrap()
        }
    }

    #[test]
    fn code_survives_a_restart() {
        let fixture = fixture();
        assert!(fixture.cache().get(fixture.digest).unwrap().is_none());
        fixture.load(fixture.cache().put(fixture.digest, &fixture.code, false).unwrap());
        fixture.load(fixture.cache().get(fixture.digest).unwrap().unwrap());
    }

    #[test]
    fn any_changed_truncated_or_foreign_file_is_refused_and_removed() {
        let fixture = fixture();
        let cache = fixture.cache();
        cache.put(fixture.digest, &fixture.code, false).unwrap();
        let path = cache.path(fixture.digest);
        let whole = fs::read(&path).unwrap();
        let other = crate::digest(b"another component");
        for change in [1, whole.len() / 2, whole.len() - 1, whole.len() - MAC_BYTES, whole.len() - TRAILER_BYTES] {
            for bytes in [
                {
                    let mut bytes = whole.clone();
                    bytes[change] ^= 1;
                    bytes
                },
                whole[..change].to_vec(),
                fixture.code.clone(),
                Vec::new(),
            ] {
                fs::remove_file(&path).ok();
                fs::write(&path, &bytes).unwrap();
                assert!(cache.get(fixture.digest).unwrap().is_none());
                assert!(!path.exists(), "the bad file stays");
            }
        }
        fs::write(cache.path(other), &whole).unwrap();
        assert!(cache.get(other).unwrap().is_none(), "code of one component under another's name");
    }

    #[test]
    fn code_of_another_key_or_engine_is_refused() {
        let fixture = fixture();
        let cache = fixture.cache();
        cache.put(fixture.digest, &fixture.code, false).unwrap();
        let hardened = compile_engine(Profile { bounds: Bounds::Hardened }).unwrap();
        let foreign = Cache::open(&fixture.root.path().join("aot"), CompatibilityHash::of(&hardened)).unwrap();
        fs::copy(cache.path(fixture.digest), foreign.path(fixture.digest)).unwrap();
        assert!(foreign.get(fixture.digest).unwrap().is_none(), "another engine's code");
        fs::write(fixture.root.path().join("aot").join(KEY_FILE), [7; 32]).unwrap();
        assert!(fixture.cache().get(fixture.digest).unwrap().is_none(), "another host's code");
    }

    #[test]
    fn a_directory_open_to_others_is_refused() {
        let fixture = fixture();
        let root = fixture.root.path().join("aot");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let refused = Cache::open(&root, CompatibilityHash::of(&fixture.engine));
        assert!(matches!(refused, Err(CacheError::Shared(_))));
    }

    /// A cache with one file, and that file's bytes.
    static STORED: LazyLock<(Fixture, Cache, Vec<u8>)> = LazyLock::new(|| {
        let fixture = fixture();
        let cache = fixture.cache();
        cache.put(fixture.digest, b"native code of some length, which nobody here runs", true).unwrap();
        let whole = fs::read(cache.path(fixture.digest)).unwrap();
        (fixture, cache, whole)
    });

    /// Whether the host would map these bytes.
    fn is_found(file: &[u8]) -> bool {
        let (fixture, cache, _) = &*STORED;
        let path = cache.path(fixture.digest);
        fs::remove_file(&path).ok();
        fs::write(&path, file).unwrap();
        cache.get(fixture.digest).unwrap().is_some()
    }

    proptest! {
        /// In one test, since its cases share the one file.
        #[test]
        fn only_what_was_stored_is_found(edits in prop::collection::vec(edit(), 1..6), bit in any::<prop::sample::Index>()) {
            let whole = &STORED.2;
            let changed = edits.into_iter().fold(whole.clone(), edited);
            prop_assert_eq!(is_found(&changed), changed == *whole);
            let mut flipped = whole.clone();
            let bit = bit.index(whole.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_found(&flipped), "bit {}", bit);
            prop_assert!(is_found(whole));
        }
    }
}
