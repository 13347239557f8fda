//! `cargo xtask`: the repository's own tasks. It builds without the engine, so
//! that its checks answer within seconds. It is no part of the product.

mod bench;
mod budget;
mod child;
mod demo;
mod deps;
mod finding;
mod fleet;
mod foreign;
mod fuzz;
mod gen_files;
mod guests;
mod metadata;
mod profile;
mod say;
mod servers;
mod supply;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The repository's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that must hold: checks, lints, docs, unit and end-to-end tests
    Test(test::Arguments),
    /// The whole path on this machine: install, build, serve the examples, call them, stop
    Demo,
    /// A whole fleet on this machine: Redis, S3, registry, signer, worker, three hosts; says how to use and stop it
    Fleet(fleet::Arguments),
    /// What a call costs, beside the fastest we know and bare echoes in the same run
    Bench(bench::Arguments),
    /// Where a host's CPU goes: a table of a call's stages and a flame graph, by sampling it under load
    Profile(profile::Arguments),
    /// Feeds libFuzzer's inputs to those who read what comes from outside
    Fuzz(fuzz::Arguments),
    /// Compares the edges between crates with xtask/deps.toml
    Deps(deps::Arguments),
    /// Checks the form of the tree: heads, lengths, links, leftovers
    Tidy,
    /// Writes the generated files that are kept in git
    Gen {
        /// Write nothing; fail where a file differs from what would be written
        #[arg(long)]
        check: bool,
    },
    /// Checks licences, sources and bans of all dependencies against deny.toml
    Licences(supply::Arguments),
    /// Runs a command that ends when its parent does (for xtask itself)
    #[command(hide = true, name = child::OWNED)]
    Owned(child::OwnedArguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::talk(say::styled(say::BAD, format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    if let Task::Owned(command) = task {
        return child::become_owned(command);
    }
    let workspace = Workspace::find()?;
    match task {
        Task::Test(arguments) => test::run(&workspace, &arguments),
        Task::Demo => demo::run(&workspace),
        Task::Fleet(arguments) => fleet::run(&workspace, &arguments),
        Task::Bench(arguments) => bench::run(&workspace, &arguments),
        Task::Profile(arguments) => profile::run(&workspace, &arguments),
        Task::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Task::Deps(arguments) => deps::run(&workspace, &arguments),
        Task::Tidy => tidy::run(&workspace),
        Task::Gen { check } => gen_files::run(&workspace, check),
        Task::Licences(arguments) => supply::run(&workspace, &arguments),
        Task::Owned(_) => Ok(()),
    }
}
