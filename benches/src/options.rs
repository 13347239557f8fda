//! The command line. `cargo xtask bench` builds what it names.

use std::path::PathBuf;

use clap::Parser;

use crate::stage::{Built, PeerFiles};

/// Measures this machine; run it while nothing else runs.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) built: Built,
    /// An extension to build, in a folder that may be written to; one for each language.
    #[arg(long = "folder")]
    pub(crate) folders: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) peers: PeerFiles,
    /// A look, not a result: few short rounds, and no scenario that takes minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds of each contender, instead of the scenario's own.
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// Length of one round, in milliseconds, instead of the scenario's own.
    #[arg(long)]
    pub(crate) round_ms: Option<u64>,
    /// Writes the figures as JSON too.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Keeps the result in this folder: `DATE-COMMIT.json`, .md and .svg.
    #[arg(long)]
    pub(crate) keep: Option<PathBuf>,
    /// Only the scenarios whose name contains this.
    #[arg(long, default_value = "")]
    pub(crate) only: String,
}
