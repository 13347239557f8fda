//! `extensions-bench`: what a call costs and what neighbours feel, beside the
//! fastest we know and bare echoes.
//!
//! Everything a figure is compared with runs in the same process run, in
//! alternating rounds; figures are medians, comparisons medians of ratios.
//! README.md says how to read them.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod harness;
mod load;
mod scenarios;
mod stage;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Parser;
use extensions_engine_config::MemoryReset;

use crate::{
    harness::{Plan, Report, Section, mode_name},
    scenarios::{ALL, Bench, CHILDREN, Modes, Scenario, Size},
    stage::Built,
};

/// Measures this machine; run it while nothing else runs.
#[derive(Debug, Parser)]
struct Options {
    /// The discount guest, built: order-discount.wasm.
    #[arg(long)]
    component: PathBuf,
    /// The discount guest in the linker's own memory layout, built.
    #[arg(long)]
    roomy: Option<PathBuf>,
    /// An extension to build, in a folder that may be written to; one for each language.
    #[arg(long = "folder")]
    folders: Vec<PathBuf>,
    /// A look, not a result: few short rounds.
    #[arg(long)]
    quick: bool,
    /// Rounds of each contender, instead of the scenario's own.
    #[arg(long)]
    rounds: Option<usize>,
    /// Length of one round, in milliseconds, instead of the scenario's own.
    #[arg(long)]
    round_ms: Option<u64>,
    /// Writes the figures as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only the scenarios whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(code) = play_a_part() {
        return Ok(code);
    }
    let options = Options::parse();
    let chosen: Vec<_> = ALL.iter().filter(|scenario| scenario.name.contains(&options.only)).collect();
    let names = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    ensure!(!chosen.is_empty(), "no scenario's name contains `{}`; there are {}", options.only, names());
    let mut report = Report::new(options.quick);
    for scenario in chosen {
        measure(scenario, &options, &mut report);
    }
    println!("{report}");
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report.json())?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// This program is its own compile child, sandbox and more.
fn play_a_part() -> Option<ExitCode> {
    if let Some(code) = extensions_aot::child::run_if_asked() {
        return Some(code);
    }
    if let Some(code) = extensions_sandbox::child_main() {
        return Some(code);
    }
    let name = std::env::args().nth(1)?;
    let (_, part) = CHILDREN.iter().find(|(part, _)| *part == name)?;
    Some(match part() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&name, &format!("{error:#}"));
            ExitCode::FAILURE
        }
    })
}

#[allow(clippy::print_stderr, reason = "how far it is, and a child's last words")]
fn say(who: &str, what: &str) {
    eprintln!("{who}: {what}");
}

/// Runs a scenario in each of its modes; one that fails does not take the others' figures along.
fn measure(scenario: &Scenario, options: &Options, report: &mut Report) {
    let size = if options.quick { Size::Quick } else { Size::Full };
    let plan = size.pick(scenario.quick, scenario.full);
    let plan = Plan { rounds: options.rounds.unwrap_or(plan.rounds), length: options.round_ms.map_or(plan.length, Duration::from_millis) };
    let built = Built::new(options.component.clone(), options.roomy.clone());
    let mut run = |mode: Option<MemoryReset>| {
        let bench = Bench { built: built.clone(), folders: options.folders.clone(), plan, size, mode: mode.unwrap_or_default() };
        say(&format!("{}, memory reset {}", scenario.name, mode.map_or("side by side", mode_name)), scenario.about);
        let mut section = Section::new(scenario.name, mode, plan);
        if mode == Some(MemoryReset::Scan) && extensions_engine::swap::possible() {
            section.doubt("not measured: this machine can swap, and a host refuses `scan` there");
        } else if let Err(error) = (scenario.run)(&bench, &mut section) {
            section.fail(&error);
        }
        report.add(section);
    };
    match scenario.modes {
        Modes::Each => [MemoryReset::Keep, MemoryReset::Scan].into_iter().for_each(|mode| run(Some(mode))),
        Modes::Keep => run(Some(MemoryReset::Keep)),
        Modes::Beside => run(None),
    }
}
