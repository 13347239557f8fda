//! The steps of a test run, cheapest first. On two cores the engine decides the
//! time, so it is built once: every step uses the release profile and selects
//! the whole workspace with all targets, which gives cargo one set of features.

use anyhow::{Context as _, Result, ensure};

use crate::{budget, child::Job, deps, foreign, fuzz, gen_files, guests, servers, supply, tidy, workspace::Workspace};

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    /// What it shows, for people.
    pub(super) about: &'static str,
    /// Steps that must have passed, if they are part of the run.
    pub(super) needs: &'static [&'static str],
    pub(super) run: fn(&Workspace) -> Result<()>,
}

/// All of them in the order of a run.
pub(super) static ALL: &[Step] = &[
    step("format", "rustfmt", &[], format),
    step("tidy", "heads, lengths, links, leftovers", &[], tidy::run),
    step("gen", "generated files are what the code says", &[], |workspace| gen_files::run(workspace, true)),
    step("deps", "edges between crates are the listed ones", &[], |workspace| deps::run(workspace, &deps::Arguments::default())),
    step("licences", "licences, sources and bans of dependencies", &[], |workspace| supply::run(workspace, &supply::Arguments::default())),
    step("sdk", "the guest SDKs' own lints and tests", &[], guests::test_sdk),
    step("clippy", "lints, as errors", &[], clippy),
    step("docs", "documentation of our crates, warnings as errors", &[], docs),
    step("build", "the workspace with all its tests", &[], build),
    step("toolchain", "what guests are built with in every language, installed where missing", &["build"], guests::install_toolchain),
    step("servers", "what tests talk to besides: S3 and Redis; installed where missing", &[], servers::install),
    step("examples", "the guest examples' own cases in the production engine", &["build", "toolchain"], guests::test_examples),
    step("foreign", "clients that nobody here generated: grpcio by reflection, curl", &["build", "toolchain"], foreign::run),
    step("tests", "unit and end-to-end tests", &["build", "toolchain", "servers"], tests),
    step("hostile", "attacks by guests and callers, in every profile, while neighbours are called", &["build"], hostile),
    step("budget", "a call's CPU over its floor's, in one run, within what it may be", &["build", "toolchain"], budget::check),
];

const fn step(name: &'static str, about: &'static str, needs: &'static [&'static str], run: fn(&Workspace) -> Result<()>) -> Step {
    Step { name, about, needs, run }
}

/// The steps named and what they need; all without names.
pub(super) fn choose(names: &[String]) -> Result<Vec<&'static Step>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let known: Vec<_> = ALL.iter().map(|step| step.name).collect();
    let mut wanted: Vec<&str> = Vec::new();
    for name in names {
        ensure!(known.contains(&name.as_str()), "there is no step `{name}`; there are {}", known.join(", "));
        wanted.push(name);
    }
    // Needs stand before what needs them, so one walk from the end finds all.
    for step in ALL.iter().rev() {
        if wanted.contains(&step.name) {
            wanted.extend(step.needs);
        }
    }
    Ok(ALL.iter().filter(|step| wanted.contains(&step.name)).collect())
}

fn format(workspace: &Workspace) -> Result<()> {
    let advice = "run `cargo fmt --all`";
    Job::cargo(workspace.root()).args(["fmt", "--all", "--", "--check"]).run().context(advice)?;
    fuzz::check_format(workspace)?;
    guests::check_format(workspace)
}

fn clippy(workspace: &Workspace) -> Result<()> {
    Job::cargo(workspace.root()).args(["clippy", "--release", "--keep-going", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
}

fn docs(workspace: &Workspace) -> Result<()> {
    let job = Job::cargo(workspace.root()).env("RUSTDOCFLAGS", "-D warnings");
    job.args(["doc", "--release", "--keep-going", "--workspace", "--no-deps", "--document-private-items"]).run()
}

fn build(workspace: &Workspace) -> Result<()> {
    Job::cargo(workspace.root()).args(["build", "--release", "--keep-going", "--workspace", "--all-targets"]).run()
}

fn tests(workspace: &Workspace) -> Result<()> {
    let job = Job::cargo(workspace.root()).args(["test", "--release", "--no-fail-fast", "--workspace"]);
    // Of all test binaries this one is left out: it has the step after this one.
    guests::Ext::find(workspace)?.in_home(job.env("EXTENSIONS_HOSTILE_LATER", "1")).run()
}

/// Prints its own table; alone, since it looks at how late its neighbours are answered.
fn hostile(workspace: &Workspace) -> Result<()> {
    Job::cargo(workspace.root()).args(["test", "--release", "--workspace", "--test", "hostile"]).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_stand_before_what_needs_them() {
        for (place, step) in ALL.iter().enumerate() {
            assert!(step.needs.iter().all(|need| ALL[..place].iter().any(|before| before.name == *need)), "{}", step.name);
        }
    }

    #[test]
    fn a_chosen_step_brings_what_it_needs() {
        let names = |only: &[&str]| {
            choose(&only.iter().map(ToString::to_string).collect::<Vec<_>>()).map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["tests"]).unwrap(), ["build", "toolchain", "servers", "tests"]);
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
        assert!(names(&["test"]).unwrap_err().to_string().contains("there is no step `test`"));
    }
}
