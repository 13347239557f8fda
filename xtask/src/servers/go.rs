//! A server built from its Go module.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{child::Job, say};

/// One module whose main package is the server.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) path: &'static str,
    pub(super) version: &'static str,
    /// How long its build takes on two cores.
    pub(super) minutes: u32,
}

impl Module {
    /// Builds it as `name` below the folder `work` and returns the program's path.
    pub(super) fn build(&self, name: &str, work: &Path) -> Result<PathBuf> {
        let Self { path, version, minutes } = self;
        say::talk(format!("{name}: building {path} {version} once with Go (about {minutes} minutes)"));
        Job::new("go").args(["version"]).output().with_context(|| format!("{name} is built with Go, which is missing: install Go 1.24 or newer"))?;
        self.write_module(work)?;
        let program = work.join(name);
        go(work).args(["get"]).args([format!("{path}@{version}")]).run().context("check that the Go module proxy can be reached")?;
        go(work).args(["build", "-ldflags", "-s -w", "-o"]).args([&program]).args([path]).run()?;
        Ok(program)
    }

    /// A module that requires the exact version: some version lists are not to be had.
    fn write_module(&self, folder: &Path) -> Result<()> {
        fs::write(folder.join("go.mod"), format!("module tools\n\ngo 1.24\n\nrequire {} {}\n", self.path, self.version))?;
        fs::write(folder.join("tools.go"), format!("//go:build tools\n\npackage tools\n\nimport _ \"{}\"\n", self.path))?;
        Ok(())
    }
}

fn go(folder: &Path) -> Job {
    Job::new("go").dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=mod")
}
