//! A server from the distribution's package, unpacked beside its libraries.
//!
//! apt says which packages this machine lacks, fetches and verifies them; they
//! are unpacked into a folder of the user's, so that no script of theirs runs:
//! no service starts, no user is made and nobody has to be root.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{child::Job, say};

/// The distribution decides which version it is.
pub(super) const LABEL: &str = "debian";

/// One package, and where its program lies once it is unpacked.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: &'static str,
    /// The packages that hold the program itself: one may only link to what lies in another.
    pub(super) parts: &'static [&'static str],
    pub(super) program: &'static str,
}

impl Package {
    /// Unpacks it, with what it needs and this machine lacks, into a folder beside `path`; returns a script below `work` that runs it.
    pub(super) fn unpack(&self, path: &Path, work: &Path) -> Result<PathBuf> {
        say::talk(format!("{}: fetching the distribution's package", self.name));
        let apt = Apt::with_lists(self.name, work)?;
        let mut packages = lacking(&apt.job("apt-get").args(["-s", "install", "--no-install-recommends", self.name]).output()?);
        // Wanted whole, also where this machine has a part of them.
        let parts = self.parts.iter().filter(|part| !packages.iter().any(|package| package.starts_with(&format!("{part}="))));
        packages.extend(parts.map(|part| (*part).to_owned()).collect::<Vec<_>>());
        let (fetched, root) = (work.join("fetched"), work.join("root"));
        fs::create_dir(&fetched)?;
        fs::create_dir(&root)?;
        apt.job("apt-get")
            .args(["download", "--quiet=2"])
            .args(&packages)
            .dir(&fetched)
            .run()
            .context("check that the package mirror can be reached")?;
        for package in fs::read_dir(&fetched)? {
            Job::new("dpkg-deb").args(["--extract"]).args([package?.path(), root.clone()]).run()?;
        }
        ensure!(root.join(self.program).exists(), "{} brings no {}", self.name, self.program);
        let kept = path.with_extension("root");
        if kept.exists() {
            fs::remove_dir_all(&kept).with_context(|| format!("{} cannot be replaced", kept.display()))?;
        }
        fs::rename(&root, &kept).with_context(|| format!("{} cannot be written", kept.display()))?;
        let script = work.join(self.name);
        fs::write(&script, launcher(&kept, self.program)?)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Job::new(&script).args(["--version"]).without_data().run().context("what was unpacked does not run")?;
        Ok(script)
    }
}

/// `NAME=VERSION` of each package that the plan of an installation would bring.
fn lacking(plan: &str) -> Vec<String> {
    let brought = plan.lines().filter_map(|line| line.strip_prefix("Inst "));
    let named = brought.filter_map(|line| {
        let mut words = line.split(' ');
        let name = words.next()?;
        // `Inst NAME (VERSION ARCHIVE [ARCHITECTURE])`, with `[OLD VERSION]` before it where an upgrade is needed.
        let version = words.find_map(|word| word.strip_prefix('('))?;
        Some(format!("{name}={version}"))
    });
    named.collect()
}

/// A script that becomes the program, which then finds the libraries that came with it.
fn launcher(root: &Path, program: &str) -> Result<String> {
    let root = root.to_str().filter(|path| !path.contains('\'')).context("the cache's path has a quote or is not UTF-8")?;
    let mut folders = Vec::new();
    for libraries in ["usr/lib", "lib"] {
        folders.extend(library_folders(&Path::new(root).join(libraries))?);
    }
    let libraries = folders.join(":");
    Ok(format!(
        "#!/bin/sh\n# Written by `cargo xtask test --only servers`.\nLD_LIBRARY_PATH='{libraries}'\nexport LD_LIBRARY_PATH\nexec '{root}/{program}' \"$@\"\n"
    ))
}

/// Debian keeps libraries in a folder by architecture; whichever it is.
fn library_folders(below: &Path) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(below) else { return Ok(Vec::new()) };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_string_lossy().contains("-linux-") {
            folders.push(entry.path().to_string_lossy().into_owned());
        }
    }
    Ok(folders)
}

/// apt with the machine's lists of packages, or with some of its own where the machine has none.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn with_lists(package: &str, work: &Path) -> Result<Self> {
        let of_machine = Self { options: Vec::new() };
        let known = of_machine.job("apt-cache").args(["policy", package]).output();
        let known = known.context("apt is missing: this is no Debian or Ubuntu, so install Redis 7 or newer as your system does")?;
        if known.lines().any(|line| line.trim_start().starts_with("Candidate: ") && !line.ends_with("(none)")) {
            return Ok(of_machine);
        }
        let (lists, cache) = (work.join("lists"), work.join("cache"));
        fs::create_dir_all(lists.join("partial"))?;
        fs::create_dir_all(cache.join("archives/partial"))?;
        let options = vec![format!("Dir::State::lists={}", lists.display()), format!("Dir::Cache={}", cache.display())];
        let own = Self { options };
        say::talk("this machine has no lists of packages: fetching them into a temporary folder".to_owned());
        own.job("apt-get").args(["update", "--quiet=2"]).run().context("check that the package mirror can be reached")?;
        Ok(own)
    }

    fn job(&self, program: &str) -> Job {
        let options = self.options.iter().flat_map(|option| ["-o", option]);
        // Its plan is read by this program. Root's fetches are made by root: another user cannot write into root's cache.
        Job::new(program).env("LC_ALL", "C").args(["-o", "APT::Sandbox::User=root"]).args(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_packages_with_their_versions() {
        let plan = "Reading package lists...\n  liblzf1 redis-tools\nInst liblzf1 (3.6-3 Debian:12.15/oldstable [amd64])\n\
                    Inst redis-tools [5:6.0-1] (5:7.0.15-1~deb12u10 Debian-Security:12 [amd64])\nConf liblzf1 (3.6-3 Debian [amd64])\n";
        assert_eq!(lacking(plan), ["liblzf1=3.6-3", "redis-tools=5:7.0.15-1~deb12u10"]);
        assert!(lacking("redis-server is already the newest version (5:7.0.15-1).\n").is_empty());
    }

    #[test]
    fn a_launcher_becomes_the_program_with_the_libraries_that_came_along() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("usr/bin/server");
        for folder in ["usr/bin", "usr/lib/x86_64-linux-gnu", "usr/lib/systemd"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH $1 $$\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let script = launcher(root.path(), "usr/bin/server").unwrap();
        let child = std::process::Command::new("/bin/sh").args(["-c", &script, "sh", "one"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(output.trim(), format!("{}/usr/lib/x86_64-linux-gnu one {id}", root.path().display()), "one process, so that a signal reaches it");
    }
}
