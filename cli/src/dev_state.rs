//! How a running `ext dev`, or a fleet on this machine, is found: one file in ext's own folder.

use std::{
    fs,
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use extensions_identity::DevKey;
use extensions_types::Environment;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, tools};

/// What `ext` reads, in its own folder.
const FILE: &str = "dev.json";
/// The same of a platform that is not the default, in its data: for whoever started it.
const BESIDE_FILE: &str = "dev-beside.json";
const KEY_FILE: &str = "signing-key.p8";
/// What runs on this machine accepts a connection sooner.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(1);
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

    /// Whether this is another platform than `own`, and still runs.
    fn runs_beside(&self, own: &Self) -> bool {
        // Nobody else listens at our own address; and a process's number may have gone to another program.
        self.process != own.process && self.server != own.server && is_alive(self.process) && accepts(&self.server)
    }
}

/// Where `ext dev` keeps its data unless told otherwise.
pub(crate) fn default_data_dir() -> Result<PathBuf, Failure> {
    Ok(tools::home()?.path().join("dev"))
}

fn file() -> Result<PathBuf, Failure> {
    Ok(tools::home()?.path().join(FILE))
}

/// The running `ext dev`; none when there is none.
pub(crate) fn read() -> Result<Option<Running>, Failure> {
    read_at(&file()?)
}

fn read_at(path: &Path) -> Result<Option<Running>, Failure> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| local("read", path, io::Error::other(error))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(local("read", path, error)),
    }
}

/// Says where this process listens, until the guard is dropped: to every `ext`
/// of this user or, where another platform runs that they find, in `data` alone.
pub(crate) fn announce(running: &Running, data: &Path) -> Result<Announced, Failure> {
    private_dir(&tools::home()?.path().join("dev"))?;
    announce_at(file()?, running, data)
}

fn announce_at(default: PathBuf, running: &Running, data: &Path) -> Result<Announced, Failure> {
    // What cannot be read names nobody.
    let other = read_at(&default).ok().flatten().filter(|other| other.runs_beside(running)).map(|other| other.process);
    let path = if other.is_some() { data.join(BESIDE_FILE) } else { default };
    let text = serde_json::to_vec_pretty(running).map_err(|error| Failure::Local(error.to_string()))?;
    write_private(&path, &text)?;
    Ok(Announced { path, process: running.process, other })
}

/// Removes the announcement when `ext dev` ends, unless another one took it over.
#[derive(Debug)]
pub(crate) struct Announced {
    path: PathBuf,
    process: u32,
    other: Option<u32>,
}

impl Announced {
    /// The file that says where this process listens.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The process of the platform that stays the default; none where this one is.
    pub(crate) fn other(&self) -> Option<u32> {
        self.other
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

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

/// Whether somebody listens there; an address of another form than ours is believed.
fn accepts(server: &str) -> bool {
    let address = server.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    address.is_none_or(|address| TcpStream::connect_timeout(&address, ACCEPTED_WITHIN).is_ok())
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
    use std::net::TcpListener;

    use super::*;

    /// Runs wherever tests do.
    const ALIVE: u32 = 1;
    /// Above what the kernel gives.
    const GONE: u32 = u32::MAX;
    const NOBODY: &str = "http://127.0.0.1:1";

    fn running(process: u32, server: &str) -> Running {
        let (server, token, operator_token) = (server.to_owned(), "t".to_owned(), "o".to_owned());
        Running { server, socket: None, hosts: Vec::new(), token, operator_token, process }
    }

    #[test]
    fn a_platform_that_runs_stays_the_default() {
        let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = home.path().join(FILE);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        write_private(&file, &serde_json::to_vec(&running(ALIVE, &format!("http://{}", listener.local_addr().unwrap()))).unwrap()).unwrap();
        let announced = announce_at(file.clone(), &running(std::process::id(), NOBODY), data.path()).unwrap();
        assert_eq!((announced.other(), announced.path()), (Some(ALIVE), data.path().join(BESIDE_FILE).as_path()));
        assert_eq!(read_at(announced.path()).unwrap().unwrap().server, NOBODY);
        drop(announced);
        assert!(read_at(&data.path().join(BESIDE_FILE)).unwrap().is_none());
        assert_eq!(read_at(&file).unwrap().unwrap().process, ALIVE, "the other's is left as it is");
    }

    #[test]
    fn what_no_longer_runs_is_taken_over() {
        let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = home.path().join(FILE);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        // The process is gone; its number is another program's, which does not listen there; or we do.
        for (process, address, own) in [(GONE, &*server, NOBODY), (ALIVE, NOBODY, &*server), (ALIVE, &*server, &*server)] {
            write_private(&file, &serde_json::to_vec(&running(process, address)).unwrap()).unwrap();
            let announced = announce_at(file.clone(), &running(std::process::id(), own), data.path()).unwrap();
            assert_eq!((announced.other(), announced.path()), (None, file.as_path()));
            assert_eq!(read_at(&file).unwrap().unwrap().process, std::process::id());
            drop(announced);
            assert!(read_at(&file).unwrap().is_none());
        }
    }

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
