//! A host in a process of its own: a child of this program that holds nothing
//! else, for what is measured of a whole process.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use extensions_engine_config::MemoryReset;
use serde::{Deserialize, Serialize};

use super::{guests::Built, platform::Platform};
use crate::harness::{Ended, child, descriptors, mode_name, resident_kib};

/// What the child says when it listens.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    address: SocketAddr,
    tokens: Vec<String>,
}

/// The running child.
#[derive(Debug)]
pub(crate) struct Apart {
    child: Ended,
    pub(crate) address: SocketAddr,
    pub(crate) tokens: Vec<String>,
}

/// What the child is told.
pub(crate) struct Orders {
    pub(crate) memory_reset: MemoryReset,
    pub(crate) built: Built,
}

impl Apart {
    /// Starts this program in the part of `name`, which is to call [`serve`].
    pub(crate) fn start(name: &str, mode: MemoryReset, discount: &Path) -> anyhow::Result<Self> {
        let mut command = child(name);
        command.arg(mode_name(mode)).arg(discount).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Ended(command.spawn()?);
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().context("no stdout")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the host ended before it listened");
        let Told { address, tokens } = serde_json::from_str(&line)?;
        Ok(Self { child, address, tokens })
    }

    pub(crate) fn resident_kib(&self) -> anyhow::Result<u64> {
        resident_kib(self.child.0.id())
    }

    pub(crate) fn descriptors(&self) -> anyhow::Result<usize> {
        descriptors(self.child.0.id())
    }
}

/// The child's arguments.
pub(crate) fn orders() -> anyhow::Result<Orders> {
    let mut arguments = std::env::args().skip(2);
    let mode = arguments.next().context("the mode of memory reset")?;
    let memory_reset = if mode == mode_name(MemoryReset::Scan) { MemoryReset::Scan } else { MemoryReset::Keep };
    let discount = PathBuf::from(arguments.next().context("the discount guest")?);
    Ok(Orders { memory_reset, built: Built::discount_at(discount) })
}

/// The child: serves until its parent lets go of it, who gets these tokens.
pub(crate) fn serve(platform: &Platform, tokens: Vec<String>) -> anyhow::Result<()> {
    let told = Told { address: platform.address()?, tokens };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(&told)?)?;
    stdout.flush()?;
    // Ends when the parent is gone, however it went.
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
