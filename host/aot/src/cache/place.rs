//! Where the cache lies, and this host's own key beside it: both for this user alone.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{hmac, rand};

pub(super) const KEY_FILE: &str = "mac.key";
const KEY_BYTES: usize = 32;

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

pub(super) fn io_error<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> CacheError + 'p {
    move |source| CacheError::Io { action, path: path.to_owned(), source }
}

pub(super) fn private_directory(path: &Path) -> Result<(), CacheError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))?;
    let about = fs::metadata(path).map_err(io_error("look at", path))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(CacheError::Shared(path.to_owned()));
    }
    Ok(())
}

/// Reads this host's key; the first process to come makes it. The link appears
/// with its content or not at all, so a second process never sees half a key.
pub(super) fn read_or_make_key(root: &Path) -> Result<hmac::Key, CacheError> {
    let path = &root.join(KEY_FILE);
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

pub(super) fn random_u64() -> Result<u64, CacheError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| CacheError::Random)?;
    Ok(u64::from_ne_bytes(bytes))
}
