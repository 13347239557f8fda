//! The scenarios: a file or folder each, and a row in `table.rs`.

mod admission;
mod batch;
mod budget;
mod catalog;
mod cold;
mod compile;
mod cores;
mod fairness;
mod hardened;
mod hostile;
mod in_process;
mod languages;
mod listing;
mod neighbours;
mod overrun;
mod peers;
mod plain;
mod ready;
mod reload;
mod servers;
mod soak;
mod spinners;
mod store;
mod table;
mod zipf;

use std::path::PathBuf;

use extensions_engine::swap;
use extensions_engine_config::MemoryReset;

pub(crate) use self::table::{ALL, CHILDREN, Modes, Scenario, When};
use crate::{
    harness::{Plan, Section},
    stage::{Built, PeerFiles},
};

/// What a scenario is given.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    /// Guests that were built from source.
    pub(crate) built: Built,
    /// One extension of each language, in folders that may be written to.
    pub(crate) folders: Vec<PathBuf>,
    /// Programs beside which ours is measured.
    pub(crate) peers: PeerFiles,
    pub(crate) plan: Plan,
    pub(crate) size: Size,
    /// How the slots of this run are reset; `keep` where a scenario is not about it.
    pub(crate) mode: MemoryReset,
}

/// A look, or a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Quick,
    Full,
}

impl Size {
    pub(crate) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// The reset modes that can be measured beside each other here; says where one cannot.
fn modes_here(section: &mut Section) -> Vec<MemoryReset> {
    let mut modes = vec![MemoryReset::Keep];
    if swap::possible() {
        section.doubt("`scan` is not measured: this machine can swap, and a host refuses it there");
    } else {
        modes.push(MemoryReset::Scan);
    }
    modes
}
