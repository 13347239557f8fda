//! `cargo xtask profile`: where the host's time goes, by measurement. It runs
//! the platform under load as children, samples the host with `perf`, and says
//! what each stage of a call takes; a flame graph shows the stacks themselves.
//!
//! Absolute times hold for a quiet machine only; shares are good on any.

mod flame;
mod inlined;
mod record;
mod report;
mod stacks;
mod stages;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use self::{
    record::{Load, Recording},
    report::Report,
};
use crate::{
    child::Job,
    demo::{self, Platform, Scratch},
    guests::{self, Ext},
    metadata::Metadata,
    say,
    workspace::Workspace,
};

/// What is called: the rule that figures are about.
const EXTENSION: &str = "order-discount";
/// Where it is built from.
const EXAMPLES: &str = "guest-examples";
/// Below the target folder, unless told otherwise.
const FLAME_GRAPH: &str = "profile.svg";

#[derive(Debug, Args)]
#[command(after_help = "It needs `perf` (package linux-perf or linux-tools) and `addr2line` (binutils). Run it while nothing else runs.\n\
                  The table goes to standard output, for docs/performance.md; the flame graph is for a browser, and no part of git.")]
pub(crate) struct Arguments {
    /// Calls a second that are offered: below what the host can take, so that nothing waits
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    rate: u32,
    /// How long to sample
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Connections of the load
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    connections: u16,
    /// How the host is called
    #[arg(long, value_enum, default_value_t = Way::Grpc)]
    over: Way,
    /// Where to write the flame graph [default: profile.svg in the target folder]
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The table as JSON
    #[arg(long)]
    json: bool,
    /// Build and install nothing: take what is there
    #[arg(long)]
    no_build: bool,
}

/// How a call travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// gRPC over TCP
    Grpc,
    /// gRPC over a Unix socket
    Unix,
    /// HTTP/1.1 over TCP
    Http,
}

/// The task.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    record::check()?;
    if !arguments.no_build {
        // The whole workspace, as the tests build it: another selection could build the engine a second time.
        Job::cargo(workspace.root()).args(["build", "--release", "--workspace"]).run()?;
        guests::install_toolchain(workspace)?;
    }
    let (ext, scratch) = (Ext::find(workspace)?, Scratch::new()?);
    let rule = demo::rule(workspace, EXTENSION)?;
    say::heading("the host and its rule");
    let platform = Platform::start(&ext, &[workspace.path(EXAMPLES).join(EXTENSION)], &scratch)?;
    say::heading(format!("{} calls a second for {} s", arguments.rate, arguments.seconds));
    let load = Load {
        rate: arguments.rate,
        connections: arguments.connections,
        sampled: Duration::from_secs(arguments.seconds),
        transport: if arguments.over == Way::Http { "http" } else { "grpc" },
        server: platform.address(arguments.over == Way::Unix),
    };
    let recording = Recording::take(&ext, &platform, &rule, &load, &scratch);
    let stopped = platform.stop();
    let recording = recording?;
    stopped?;
    let svg = match &arguments.svg {
        Some(path) => path.clone(),
        None => Metadata::load(workspace)?.target_directory.join(FLAME_GRAPH),
    };
    flame::draw(&recording.samples, &svg).with_context(|| format!("the flame graph {}", svg.display()))?;
    let report = Report::of(&recording)?;
    if arguments.json {
        say::data(serde_json::to_string_pretty(&report)?);
    } else {
        say::data(&report);
    }
    say::talk(format!("flame graph: {}", svg.display()));
    ensure!(recording.failed == 0, "{} calls failed, so that this is no profile of good ones", recording.failed);
    Ok(())
}
