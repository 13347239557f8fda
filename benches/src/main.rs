//! `extensions-bench`: what a call costs, beside the fastest we know and bare echoes.
//!
//! Everything a figure is compared with runs in the same process run, in
//! alternating rounds; figures are medians, comparisons medians of ratios.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod catalog;
mod compile;
mod echo;
mod floor;
mod guest;
mod in_process;
mod listing;
mod load;
mod neighbours;
mod plain;
mod platform;
mod reload;
mod report;
mod rounds;
mod servers;
mod start;
mod store;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Parser;

use crate::{guest::Guests, report::Report};

/// Measures this machine; run it while nothing else runs.
#[derive(Debug, Parser)]
struct Options {
    /// The discount guest, built: order-discount.wasm.
    #[arg(long)]
    component: PathBuf,
    /// An extension that never returns, built.
    #[arg(long)]
    spinner: PathBuf,
    /// An extension to build, in a folder that may be written to; one for each language.
    #[arg(long = "folder")]
    folders: Vec<PathBuf>,
    /// Rounds of each contender.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Length of one round, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    round_ms: u64,
    /// Writes the figures as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only the scenarios whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> anyhow::Result<ExitCode> {
    // This binary is its own compile child.
    if let Some(code) = extensions_aot::child::run_if_asked() {
        return Ok(code);
    }
    if let Some(code) = extensions_sandbox::child_main() {
        return Ok(code);
    }
    if let Some(code) = compile::run_if_asked() {
        return Ok(code);
    }
    let options = Options::parse();
    let guests = Guests::read(&options.component, &options.spinner)?;
    let plan = rounds::Plan { rounds: options.rounds, length: Duration::from_millis(options.round_ms) };
    let mut report = Report::new(plan);
    let wanted = |name: &str| name.contains(&options.only);
    if wanted("in-process") {
        in_process::measure(&guests, plan, &mut report).context("in-process")?;
    }
    if wanted("plain") {
        plain::measure(plan, &mut report).context("plain")?;
    }
    if wanted("servers") {
        servers::measure(&guests, plan, &mut report).context("servers")?;
    }
    if wanted("neighbours") {
        neighbours::measure(&guests, plan, &mut report).context("neighbours")?;
    }
    if wanted("start") {
        start::measure(&guests, plan, &mut report).context("start")?;
    }
    if wanted("catalog") {
        catalog::measure(plan, &mut report).context("catalog")?;
    }
    if wanted("store") {
        store::measure(plan, &mut report).context("store")?;
    }
    if wanted("listing") {
        listing::measure(plan, &mut report).context("listing")?;
    }
    if wanted("reload") {
        reload::measure(plan, &mut report).context("reload")?;
    }
    if wanted("compile") {
        compile::measure(&options.folders, plan, &mut report).context("compile")?;
    }
    println!("{report}");
    if let Some(path) = options.json {
        std::fs::write(&path, serde_json::to_vec_pretty(&report.json())?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
