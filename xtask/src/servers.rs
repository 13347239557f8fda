//! Servers that tests start, built once from their Go modules into the user's
//! cache. What is on PATH or named by a variable is taken as it is.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result};

use crate::{child::Job, say, workspace::Workspace};

/// In the user's cache; `crates/test-servers/src/programs.rs` looks there.
const FOLDER: &str = "extensions-tools";

/// One server.
#[derive(Debug)]
struct Server {
    name: &'static str,
    /// May name the program.
    variable: &'static str,
    module: &'static str,
    version: &'static str,
    /// How long its build takes on two cores.
    minutes: u32,
}

const ALL: [Server; 1] = [Server {
    name: "minio",
    variable: "EXT_TEST_MINIO",
    module: "github.com/minio/minio",
    version: "v0.0.0-20250907161309-07c3a429bfed",
    minutes: 4,
}];

/// Where a server's program is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Named(PathBuf),
    OnPath(PathBuf),
    Installed(PathBuf),
    /// Nowhere: it would be built to this path.
    Missing(PathBuf),
}

/// The step: makes sure that all are there.
pub(crate) fn install(_: &Workspace) -> Result<()> {
    for server in &ALL {
        match server.find(|name| env::var_os(name))? {
            Found::Named(path) => say::talk(format!("{}: {} ({})", server.name, path.display(), server.variable)),
            Found::OnPath(path) => say::talk(format!("{}: {} (PATH)", server.name, path.display())),
            Found::Installed(path) => say::talk(format!("{}: {} (built before)", server.name, path.display())),
            Found::Missing(path) => server.build(&path)?,
        }
    }
    Ok(())
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
        let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
        let cache = cache.context("neither XDG_CACHE_HOME nor HOME is set: there is no folder to install servers into")?;
        let path = cache.join(FOLDER).join("bin").join(format!("{}-{}", self.name, self.version));
        // Complete only with the name that tests look for.
        let complete = is_program(&path) && self.linked(&path).read_link().is_ok_and(|target| Some(target.as_os_str()) == path.file_name());
        Ok(if complete { Found::Installed(path) } else { Found::Missing(path) })
    }

    fn linked(&self, path: &Path) -> PathBuf {
        path.with_file_name(self.name)
    }

    /// Builds it in a folder of its own; it gets its name when it is whole.
    fn build(&self, path: &Path) -> Result<()> {
        let started = Instant::now();
        say::talk(format!("{}: building {} {} once with Go (about {} minutes)", self.name, self.module, self.version, self.minutes));
        let go = Job::new("go").args(["version"]).output();
        go.with_context(|| {
            format!(
                "{} is built with Go, which is missing: install Go 1.24 or newer, or put {} on PATH or into {}",
                self.name, self.name, self.variable
            )
        })?;
        let folder = path.parent().context("the cache has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let work = tempfile::Builder::new().prefix(".build-").tempdir_in(folder).context("no folder to build in can be made")?;
        self.write_module(work.path())?;
        let program = work.path().join(self.name);
        self.go(work.path())
            .args(["get"])
            .args([format!("{}@{}", self.module, self.version)])
            .run()
            .context("check that the Go module proxy can be reached")?;
        self.go(work.path()).args(["build", "-ldflags", "-s -w", "-o"]).args([&program]).args([self.module]).run()?;
        fs::rename(&program, path).with_context(|| format!("{} cannot be written", path.display()))?;
        self.link(path, work.path())?;
        say::talk(format!("{}: {} (built in {})", self.name, path.display(), say::duration(started.elapsed())));
        Ok(())
    }

    /// A module that requires the exact version: some version lists are not to be had.
    fn write_module(&self, folder: &Path) -> Result<()> {
        fs::write(folder.join("go.mod"), format!("module tools\n\ngo 1.24\n\nrequire {} {}\n", self.module, self.version))?;
        fs::write(folder.join("tools.go"), format!("//go:build tools\n\npackage tools\n\nimport _ \"{}\"\n", self.module))?;
        Ok(())
    }

    fn go(&self, folder: &Path) -> Job {
        Job::new("go").dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=mod")
    }

    /// The name that tests look for, changed at once.
    fn link(&self, path: &Path, work: &Path) -> Result<()> {
        let made = work.join("link");
        symlink(path.file_name().context("a program has a name")?, &made)?;
        fs::rename(&made, self.linked(path)).with_context(|| format!("{} cannot be written", self.linked(path).display()))
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
    fn a_server_is_named_on_path_built_before_or_missing() {
        let home = tempfile::tempdir().unwrap();
        let [server] = &ALL;
        let at = |name: &str| home.path().join(name);
        let find = |set: &[(&str, PathBuf)]| server.find(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()));
        let base = [("HOME", at("")), ("PATH", at("bin"))];

        let built = at(".cache/extensions-tools/bin").join(format!("minio-{}", server.version));
        assert_eq!(find(&base).unwrap(), Found::Missing(built.clone()));
        program(&built);
        assert_eq!(find(&base).unwrap(), Found::Missing(built.clone()), "without the name that tests look for");
        server.link(&built, home.path()).unwrap();
        assert_eq!(find(&base).unwrap(), Found::Installed(built.clone()));
        assert!(is_program(&built.with_file_name("minio")));

        program(&at("bin/minio"));
        assert_eq!(find(&base).unwrap(), Found::OnPath(at("bin/minio")));
        program(&at("mine"));
        let named = |path| [("EXT_TEST_MINIO", path), ("PATH", at("bin"))];
        assert_eq!(find(&named(at("mine"))).unwrap(), Found::Named(at("mine")));
        assert!(find(&named(at("nowhere"))).unwrap_err().to_string().contains("EXT_TEST_MINIO names"));
        assert!(find(&[]).unwrap_err().to_string().contains("HOME"));
    }
}
