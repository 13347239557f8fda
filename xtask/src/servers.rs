//! Servers that tests and a fleet on this machine start, installed once into the
//! user's cache. What is on PATH or named by a variable is taken as it is.
//!
//! Nothing here needs root, installs anything for the whole machine or starts a service.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result};

use crate::{say, workspace::Workspace};

mod debian;
mod go;

/// In the user's cache; `crates/test-servers/src/programs.rs` looks there.
const FOLDER: &str = "extensions-tools";

/// One server.
#[derive(Debug)]
struct Server {
    name: &'static str,
    /// May name the program.
    variable: &'static str,
    source: Source,
}

/// Where a server that is nowhere comes from.
#[derive(Debug)]
enum Source {
    /// Built from a Go module.
    Go(go::Module),
    /// Unpacked from the distribution's package.
    Debian(debian::Package),
}

const ALL: [Server; 2] = [
    Server {
        name: "minio",
        variable: "EXT_TEST_MINIO",
        source: Source::Go(go::Module { path: "github.com/minio/minio", version: "v0.0.0-20250907161309-07c3a429bfed", minutes: 4 }),
    },
    Server {
        name: "redis-server",
        variable: "EXT_TEST_REDIS",
        source: Source::Debian(debian::Package { name: "redis-server", parts: &["redis-server", "redis-tools"], program: "usr/bin/redis-server" }),
    },
];

/// Where a server's program is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Named(PathBuf),
    OnPath(PathBuf),
    Installed(PathBuf),
    /// Nowhere: it would be installed at this path.
    Missing(PathBuf),
}

/// The step: makes sure that all are there.
pub(crate) fn install(_: &Workspace) -> Result<()> {
    for server in &ALL {
        match server.find(|name| env::var_os(name))? {
            Found::Named(path) => say::talk(format!("{}: {} ({})", server.name, path.display(), server.variable)),
            Found::OnPath(path) => say::talk(format!("{}: {} (PATH)", server.name, path.display())),
            Found::Installed(path) => say::talk(format!("{}: {} (installed before)", server.name, path.display())),
            Found::Missing(path) => server.install(&path)?,
        }
    }
    Ok(())
}

/// The folder in the user's cache that servers and other tools are installed into.
pub(crate) fn tools_folder() -> Result<PathBuf> {
    folder(|name| env::var_os(name).filter(|value| !value.is_empty()))
}

fn folder(set: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    let cache = cache.context("neither XDG_CACHE_HOME nor HOME is set: there is no folder to install servers into")?;
    Ok(cache.join(FOLDER))
}

impl Server {
    fn find(&self, set: impl Fn(&str) -> Option<OsString>) -> Result<Found> {
        let set = |name: &str| set(name).filter(|value| !value.is_empty());
        if let Some(path) = set(self.variable).map(PathBuf::from) {
            anyhow::ensure!(is_program(&path), "{} names {}, which is no program: correct or unset it", self.variable, path.display());
            return Ok(Found::Named(path));
        }
        let paths = set("PATH").unwrap_or_default();
        if let Some(path) = env::split_paths(&paths).map(|folder| folder.join(self.name)).find(|path| is_program(path)) {
            return Ok(Found::OnPath(path));
        }
        let path = folder(set)?.join("bin").join(format!("{}-{}", self.name, self.source.version()));
        // Complete only with the name that tests look for.
        let complete = is_program(&path) && self.linked(&path).read_link().is_ok_and(|target| Some(target.as_os_str()) == path.file_name());
        Ok(if complete { Found::Installed(path) } else { Found::Missing(path) })
    }

    fn linked(&self, path: &Path) -> PathBuf {
        path.with_file_name(self.name)
    }

    /// Makes it in a folder of its own; it gets its name when it is whole.
    fn install(&self, path: &Path) -> Result<()> {
        let started = Instant::now();
        let folder = path.parent().context("the cache has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let work = tempfile::Builder::new().prefix(".install-").tempdir_in(folder).context("no folder to install in can be made")?;
        let advice = || format!("{} is not there: put it on PATH, or name it in {}", self.name, self.variable);
        let made = match &self.source {
            Source::Go(module) => module.build(self.name, work.path()),
            Source::Debian(package) => package.unpack(path, work.path()),
        };
        let program = made.with_context(advice)?;
        fs::rename(&program, path).with_context(|| format!("{} cannot be written", path.display()))?;
        self.link(path, work.path())?;
        say::talk(format!("{}: {} (installed in {})", self.name, path.display(), say::duration(started.elapsed())));
        Ok(())
    }

    /// The name that tests look for, changed at once.
    fn link(&self, path: &Path, work: &Path) -> Result<()> {
        let made = work.join("link");
        symlink(path.file_name().context("a program has a name")?, &made)?;
        fs::rename(&made, self.linked(path)).with_context(|| format!("{} cannot be written", self.linked(path).display()))
    }
}

impl Source {
    /// What tells one installed program from a later one.
    fn version(&self) -> &'static str {
        match self {
            Self::Go(module) => module.version,
            Self::Debian(_) => debian::LABEL,
        }
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_server_is_named_on_path_installed_before_or_missing() {
        for server in &ALL {
            let home = tempfile::tempdir().unwrap();
            let at = |name: &str| home.path().join(name);
            let find = |set: &[(&str, PathBuf)]| server.find(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()));
            let base = [("HOME", at("")), ("PATH", at("bin"))];

            let installed = at(".cache/extensions-tools/bin").join(format!("{}-{}", server.name, server.source.version()));
            assert_eq!(find(&base).unwrap(), Found::Missing(installed.clone()));
            program(&installed);
            assert_eq!(find(&base).unwrap(), Found::Missing(installed.clone()), "without the name that tests look for");
            server.link(&installed, home.path()).unwrap();
            assert_eq!(find(&base).unwrap(), Found::Installed(installed.clone()));
            assert!(is_program(&installed.with_file_name(server.name)));

            program(&at("bin").join(server.name));
            assert_eq!(find(&base).unwrap(), Found::OnPath(at("bin").join(server.name)));
            program(&at("mine"));
            let named = |path| [(server.variable, path), ("PATH", at("bin"))];
            assert_eq!(find(&named(at("mine"))).unwrap(), Found::Named(at("mine")));
            assert!(find(&named(at("nowhere"))).unwrap_err().to_string().contains(server.variable));
            assert!(find(&[]).unwrap_err().to_string().contains("HOME"));
        }
    }
}
