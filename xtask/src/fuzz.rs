//! `cargo xtask fuzz`: builds the fuzz targets with coverage and runs them.
//!
//! The stable compiler can do it: coverage is a pass of LLVM, and libFuzzer
//! comes as source. They have a workspace of their own, since everything below
//! them is built again with coverage; none of it is the engine.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::{child::Job, say, workspace::Workspace};

const FOLDER: &str = "fuzz";
/// What libFuzzer steers by. Given for the target only, so that build scripts stay as they are.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
/// The targets, as fuzz/Cargo.toml names them.
const TARGETS: [&str; 12] =
    ["prescan", "adapter", "componentize", "bundle", "secrets", "manifest", "request", "json", "schema", "token", "jwks", "documents"];
/// Several times what a check holds at once.
const MEMORY_MB_MAX: u32 = 1024;
/// One input takes milliseconds; on a busy machine some hundred.
const INPUT_SECONDS_MAX: u32 = 10;
/// Larger ones are the corpus's business.
const INPUT_BYTES_MAX: u32 = 64 << 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this target: prescan, adapter, componentize, bundle, secrets, manifest, request, json, schema, token, jwks, documents
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// The task.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let chosen = arguments.target.as_deref();
    let targets: Vec<_> = TARGETS.into_iter().filter(|target| chosen.is_none_or(|chosen| chosen == *target)).collect();
    ensure!(!targets.is_empty(), "there is no fuzz target `{}`; there are {}", chosen.unwrap_or_default(), TARGETS.join(", "));
    let fuzz = Fuzz::build(workspace)?;
    for target in targets {
        say::heading(format!("fuzz {target} · {} s", arguments.seconds));
        fuzz.run(target, arguments.seconds)?;
    }
    Ok(())
}

/// Checks the format of the targets, which `cargo fmt --all` does not reach.
pub(crate) fn check_format(workspace: &Workspace) -> Result<()> {
    let job = Job::cargo(&workspace.path(FOLDER)).args(["fmt", "--", "--check"]);
    job.run().with_context(|| format!("run `cargo fmt` in {FOLDER}"))
}

struct Fuzz {
    /// Where programs, inputs and findings lie; not in git.
    home: PathBuf,
    programs: PathBuf,
}

impl Fuzz {
    fn build(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.path(FOLDER);
        let (home, host) = (folder.join("target"), host()?);
        let job = Job::cargo(&folder).env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", &home);
        job.args(["build", "--release", "--bins", "--target", &host]).run().context("the fuzz targets do not build")?;
        let programs = home.join(host).join("release");
        Job::new(programs.join("seeds")).args([home.join("seeds")]).run()?;
        Ok(Self { home, programs })
    }

    /// New inputs are kept beside the seeds, so that the next run goes on from there.
    fn run(&self, target: &str, seconds: u32) -> Result<()> {
        let (found, kept) = (self.home.join("found").join(target), self.home.join("corpus").join(target));
        for folder in [&found, &kept] {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let flags = [
            format!("-max_total_time={seconds}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-rss_limit_mb={MEMORY_MB_MAX}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-artifact_prefix={}/", found.display()),
            "-print_final_stats=1".to_owned(),
            "-verbosity=1".to_owned(),
        ];
        let job = Job::new(self.programs.join(target)).args([kept, self.home.join("seeds").join(target)]).args(flags);
        job.run().with_context(|| format!("{target} found something; the input lies in {}: make it a case of the corpus", found.display()))
    }
}

/// What this machine builds for.
fn host() -> Result<String> {
    let about = Job::new("rustc").args(["-vV"]).output()?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program() {
        let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/Cargo.toml")).unwrap();
        let names: Vec<_> = manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/")).collect();
        assert_eq!(names, TARGETS.map(|target| format!("{target}.rs\"")));
    }
}
