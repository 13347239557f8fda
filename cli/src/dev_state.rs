//! How a running `ext dev`, or a fleet on this machine, is found: one file in ext's own folder.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use extensions_identity::DevKey;
use extensions_types::Environment;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, tools};

const KEY_FILE: &str = "signing-key.p8";
/// The issuer of every development token.
pub(crate) const ISSUER: &str = "ext-dev";

/// The running platform.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Everything of an `ext dev`; the registry of a fleet.
    pub(crate) server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<PathBuf>,
    /// The hosts of a fleet; none where `server` is host and registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hosts: Vec<RunningHost>,
    pub(crate) token: String,
    /// For `ext admin`: platform tokens belong to no tenant.
    pub(crate) operator_token: String,
    pub(crate) process: u32,
}

/// One host of a fleet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunningHost {
    pub(crate) env: Environment,
    pub(crate) url: String,
}

impl Running {
    /// Whether `server` names this platform, by an address or its socket.
    pub(crate) fn is_at(&self, server: &str) -> bool {
        let is_socket = |path| self.socket.as_deref() == Some(Path::new(path));
        server == self.server || self.hosts.iter().any(|host| host.url == server) || server.strip_prefix("unix:").is_some_and(is_socket)
    }

    /// Whatever serves `env`: every host of it, or the platform in one; nobody where a fleet has no such host.
    pub(crate) fn serving(&self, env: Environment) -> Vec<&str> {
        if self.hosts.is_empty() {
            return vec![&self.server];
        }
        self.hosts.iter().filter(|host| host.env == env).map(|host| host.url.as_str()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As `crates/test-fleet` writes it.
    const FLEET: &str = r#"{"server": "http://r", "token": "t", "operator_token": "o", "process": 1,
        "hosts": [{"env": "dev", "url": "http://d"}, {"env": "prod", "url": "http://p1"}, {"env": "prod", "url": "http://p2"}]}"#;

    #[test]
    fn a_fleet_has_a_registry_and_hosts_of_environments() {
        let fleet: Running = serde_json::from_str(FLEET).unwrap();
        assert_eq!(fleet.serving(Environment::Prod), ["http://p1", "http://p2"]);
        assert!(fleet.serving(Environment::Staging).is_empty());
        assert!(["http://r", "http://d", "http://p2"].into_iter().all(|url| fleet.is_at(url)) && !fleet.is_at("http://x"));
    }

    #[test]
    fn a_platform_in_one_serves_every_environment() {
        let text = r#"{"server": "http://a", "socket": "/s", "token": "t", "operator_token": "o", "process": 1}"#;
        let platform: Running = serde_json::from_str(text).unwrap();
        assert_eq!(platform.serving(Environment::Staging), ["http://a"]);
        assert!(platform.is_at("unix:/s") && !platform.is_at("unix:/t"));
    }
}
