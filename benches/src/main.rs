//! `extensions-bench`: what a call costs and what neighbours feel, beside the
//! fastest we know, bare echoes and peers.
//!
//! Everything a figure is compared with runs in the same process run, in
//! alternating rounds; figures are medians, comparisons medians of ratios.
//! README.md says how to read them.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod harness;
mod load;
mod options;
mod scenarios;
mod stage;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use extensions_engine_config::MemoryReset;

use crate::{
    harness::{Noise, Plan, Report, Section, mode_name},
    options::Options,
    scenarios::{ALL, Bench, CHILDREN, Modes, Scenario, Size, When},
};

fn main() -> anyhow::Result<ExitCode> {
    if let Some(code) = play_a_part() {
        return Ok(code);
    }
    let options = Options::parse();
    let chosen: Vec<_> = ALL.iter().filter(|scenario| scenario.name.contains(&options.only)).collect();
    let names = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    ensure!(!chosen.is_empty(), "no scenario's name contains `{}`; there are {}", options.only, names());
    let (mut report, start) = (Report::new(options.quick, chosen.iter().map(|scenario| scenario.name)), Instant::now());
    let has_time = |scenario: &Scenario| !options.quick || !options.only.is_empty() || scenario.when == When::Always;
    for scenario in chosen.into_iter().filter(|scenario| has_time(scenario)) {
        measure(scenario, &options, &mut report);
        report.measured(scenario.name);
        // Whoever stops a long run keeps what there is.
        if let Some(Err(error)) = options.keep.as_ref().map(|folder| report.keep(folder)) {
            say("not kept yet", &format!("{error:#}"));
        }
    }
    println!("{report}");
    say("measured", &format!("in {:.0} s", start.elapsed().as_secs_f64()));
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report.json())?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(folder) = &options.keep {
        say("kept", &format!("{}.json, .md and .svg", report.keep(folder)?.display()));
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
    let mut run = |mode: Option<MemoryReset>| {
        let (built, folders, peers) = (options.built.clone(), options.folders.clone(), options.peers.clone());
        let bench = Bench { built, folders, peers, plan, size, mode: mode.unwrap_or_default() };
        say(&format!("{}, memory reset {}", scenario.name, mode.map_or("side by side", mode_name)), scenario.about);
        let mut section = Section::new(scenario.name, mode, plan);
        let start = Instant::now();
        if mode == Some(MemoryReset::Scan) && extensions_engine::swap::possible() {
            section.doubt("not measured: this machine can swap, and a host refuses `scan` there");
        } else {
            section.hear(Noise::listen());
            if let Err(error) = (scenario.run)(&bench, &mut section) {
                section.fail(&error);
            }
        }
        section.lasted(start.elapsed());
        report.add(section);
    };
    match scenario.modes {
        Modes::Each => [MemoryReset::Keep, MemoryReset::Scan].into_iter().for_each(|mode| run(Some(mode))),
        Modes::Keep => run(Some(MemoryReset::Keep)),
        Modes::Beside => run(None),
    }
}
