//! The steps of a test run, cheapest first. On two cores the engine decides the
//! time, so it is built once: every step uses the release profile and selects
//! the whole workspace with all targets, which gives cargo one set of features.

use anyhow::{Context as _, Result, ensure};

use crate::{child::Job, deps, gen_files, guests, metadata::Metadata, supply, tidy, workspace::Workspace};

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
    Step { name: "format", about: "rustfmt", needs: &[], run: format },
    Step { name: "tidy", about: "heads, lengths, links, leftovers", needs: &[], run: tidy::run },
    Step { name: "gen", about: "generated files are what the code says", needs: &[], run: |workspace| gen_files::run(workspace, true) },
    Step {
        name: "deps",
        about: "edges between crates are the listed ones",
        needs: &[],
        run: |workspace| deps::run(workspace, &deps::Arguments::default()),
    },
    Step {
        name: "licences",
        about: "licences, sources and bans of dependencies",
        needs: &[],
        run: |workspace| supply::run(workspace, &supply::Arguments::default()),
    },
    Step { name: "toolchain", about: "what guests are built with, installed where missing", needs: &[], run: guests::install_toolchain },
    Step { name: "sdk", about: "the guest SDK's own tests", needs: &[], run: guests::test_sdk },
    Step { name: "clippy", about: "lints, as errors", needs: &[], run: clippy },
    Step { name: "docs", about: "documentation of our crates, warnings as errors", needs: &[], run: docs },
    Step { name: "build", about: "the workspace with all its tests", needs: &[], run: build },
    Step {
        name: "examples",
        about: "the guest examples' own cases in the production engine",
        needs: &["toolchain", "build"],
        run: guests::test_examples,
    },
    Step { name: "tests", about: "unit and end-to-end tests", needs: &["toolchain", "build"], run: tests },
];

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
    let job = Job::cargo(workspace.root()).args(["fmt", "--all", "--", "--check"]);
    job.run().context("run `cargo fmt --all`")
}

fn clippy(workspace: &Workspace) -> Result<()> {
    Job::cargo(workspace.root()).args(["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
}

fn docs(workspace: &Workspace) -> Result<()> {
    let job = Job::cargo(workspace.root()).env("RUSTDOCFLAGS", "-D warnings");
    job.args(["doc", "--release", "--workspace", "--no-deps", "--document-private-items"]).run()
}

fn build(workspace: &Workspace) -> Result<()> {
    Job::cargo(workspace.root()).args(["build", "--release", "--workspace", "--all-targets"]).run()
}

fn tests(workspace: &Workspace) -> Result<()> {
    let tools = Metadata::load(workspace)?.target_directory.join("release");
    let job = Job::cargo(workspace.root()).args(["test", "--release", "--workspace"]);
    job.env("EXT_TEST_PROGRAMS", tools).run()
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
        assert_eq!(names(&["tests"]).unwrap(), ["toolchain", "build", "tests"]);
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
        assert!(names(&["test"]).unwrap_err().to_string().contains("there is no step `test`"));
    }
}
