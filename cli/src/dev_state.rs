//! How a running `ext dev` is found: one file in ext's own folder.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use extensions_identity::DevKey;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, tools};

const KEY_FILE: &str = "signing-key.p8";
/// The issuer of every development token.
pub(crate) const ISSUER: &str = "ext-dev";

/// The running platform.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) server: String,
    pub(crate) socket: PathBuf,
    pub(crate) token: String,
    /// For `ext admin`: platform tokens belong to no tenant.
    pub(crate) operator_token: String,
    pub(crate) process: u32,
}

impl Running {
    /// Whether `server` names this platform, by its address or its socket.
    pub(crate) fn is_at(&self, server: &str) -> bool {
        server == self.server || server.strip_prefix("unix:").is_some_and(|path| Path::new(path) == self.socket)
    }
}

/// Where `ext dev` keeps its data unless told otherwise.
pub(crate) fn default_data_dir() -> Result<PathBuf, Failure> {
    Ok(tools::home()?.path().join("dev"))
}

fn file() -> Result<PathBuf, Failure> {
    Ok(tools::home()?.path().join("dev.json"))
}

/// The running `ext dev`; none when there is none.
pub(crate) fn read() -> Result<Option<Running>, Failure> {
    let path = file()?;
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| local("read", &path, io::Error::other(error))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(local("read", &path, error)),
    }
}

/// Says where this process listens, until the guard is dropped.
pub(crate) fn announce(running: &Running) -> Result<Announced, Failure> {
    let path = file()?;
    private_dir(&tools::home()?.path().join("dev"))?;
    let text = serde_json::to_vec_pretty(running).map_err(|error| Failure::Local(error.to_string()))?;
    write_private(&path, &text)?;
    Ok(Announced { path, process: running.process })
}

/// Removes the announcement when `ext dev` ends, unless another one took it over.
#[derive(Debug)]
pub(crate) struct Announced {
    path: PathBuf,
    process: u32,
}

impl Announced {
    /// The file that `ext` reads.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let ours = fs::read(&self.path).ok().and_then(|text| serde_json::from_slice::<Running>(&text).ok());
        if ours.is_some_and(|running| running.process == self.process) {
            // It names a process that is gone; the next `ext dev` writes it anew.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The development key in `data`, made when there is none.
pub(crate) fn signing_key(data: &Path) -> Result<DevKey, Failure> {
    private_dir(data)?;
    let path = data.join(KEY_FILE);
    match fs::read(&path) {
        Ok(pkcs8) => DevKey::from_pkcs8(&pkcs8).map_err(|error| local("use", &path, io::Error::other(error))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = DevKey::generate().map_err(|error| Failure::Local(error.to_string()))?;
            write_private(&path, key.to_pkcs8())?;
            Ok(key)
        }
        Err(error) => Err(local("read", &path, error)),
    }
}

fn private_dir(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| local("create", path, error))
}

/// Beside its place first, then renamed: nobody reads half of it.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let staged = path.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        file.write_all(bytes)?;
        fs::rename(&staged, path)
    };
    write().map_err(|error| local("write", path, error))
}

fn local(action: &str, path: &Path, error: io::Error) -> Failure {
    Failure::Local(format!("cannot {action} {}: {error}", path.display()))
}
