//! Key files: the private one is its user's alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::{KeyError, KeyId, PublicKeys, SigningKey};

/// Sixteen keys with a page of comments each.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
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
    /// The private key is open to others.
    #[error(
        "{0} may be read by others than its user; whoever has it can make hosts run their code: chmod 600, and make a new key pair if somebody may have read it"
    )]
    Shared(PathBuf),
    /// Not a file of keys.
    #[error("{path} cannot be used")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: KeyError,
    },
}

fn io_error<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> KeyFileError + 'p {
    move |source| KeyFileError::Io { action, path: path.to_owned(), source }
}

fn key_error(path: &Path) -> impl FnOnce(KeyError) -> KeyFileError + '_ {
    move |source| KeyFileError::Key { path: path.to_owned(), source }
}

impl SigningKey {
    /// Reads the key of a file.
    ///
    /// # Errors
    /// When it cannot be read, is open to others, or holds no private key.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        let mode = file.metadata().map_err(io_error("look at", path))?.permissions().mode();
        // A secret that is mounted for a group of its own (0440) belongs to this program too.
        if mode & 0o037 != 0 {
            return Err(KeyFileError::Shared(path.to_owned()));
        }
        Self::parse(&text(file, path)?).map_err(key_error(path))
    }
}

impl PublicKeys {
    /// Reads the keys of a file.
    ///
    /// # Errors
    /// When it cannot be read or holds something else than public keys.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let file = File::open(path).map_err(io_error("open", path))?;
        Self::parse(&text(file, path)?).map_err(key_error(path))
    }
}

fn text(file: File, path: &Path) -> Result<String, KeyFileError> {
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io_error("read", path))?;
    Ok(text)
}

/// A key pair that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub id: KeyId,
    /// The private key, for the signer alone; mode 0600.
    pub private: PathBuf,
    /// The public key, for hosts.
    pub public: PathBuf,
}

/// Makes a key pair: `path` and, beside it, `path.pub`. Never over a file that is there.
///
/// # Errors
/// When one of them exists or cannot be written; then neither is left.
pub fn make_key_files(path: &Path) -> Result<NewKey, KeyFileError> {
    let key = SigningKey::generate().map_err(key_error(path))?;
    let public = PathBuf::from(format!("{}.pub", path.display()));
    write_new(path, 0o600, &key.to_pem().map_err(key_error(path))?)?;
    let comment = format!("# signs precompiled code; key {}\n", key.id());
    if let Err(error) = write_new(&public, 0o644, &format!("{comment}{}", key.public().to_pem())) {
        // The first error is the one to tell.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(NewKey { id: key.id(), private: path.to_owned(), public })
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), KeyFileError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(io_error("create", path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io_error("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signer.key");
        let made = make_key_files(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SigningKey::read(&path).unwrap().id(), made.id);
        assert_eq!(PublicKeys::read(&made.public).unwrap().ids().collect::<Vec<_>>(), [made.id]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(make_key_files(&path).is_err(), "a key is never written over");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert!(matches!(PublicKeys::read(&path), Err(KeyFileError::Key { source: KeyError::PrivateKey, .. })));
    }

    #[test]
    fn half_a_pair_is_not_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signer.key");
        fs::write(dir.path().join("signer.key.pub"), "mine").unwrap();
        assert!(make_key_files(&path).is_err() && !path.exists());
    }

    #[test]
    fn a_private_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signer.key");
        make_key_files(&path).unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o440, true), (0o640, true), (0o644, false), (0o620, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = SigningKey::read(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            assert!(good || matches!(read, Err(KeyFileError::Shared(_))));
        }
        assert!(matches!(SigningKey::read(&dir.path().join("none")), Err(KeyFileError::Io { .. })));
    }
}
