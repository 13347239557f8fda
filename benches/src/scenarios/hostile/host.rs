//! The host under attack: a child of this program that holds nothing else.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, ensure};
use extensions_engine_config::MemoryReset;
use extensions_types::TenantId;
use serde::{Deserialize, Serialize};

use super::attacks::ATTACKS;
use crate::{
    harness::{Ended, child, mode_name, resident_kib},
    stage::{Built, Hosting, Platform},
};

/// The first argument that makes this program the child; the mode and the discount guest's file follow.
pub(crate) const HOST: &str = "__host";
/// Tenants that attack; one more is the victim.
const ATTACKERS: usize = 4;
/// Tokens of tenants that do not exist: more than a cache of verified tokens should hold for them.
const STRANGERS: usize = 2_000;

/// What the child says when it listens.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    address: SocketAddr,
    victim: String,
    attackers: Vec<String>,
    strangers: Vec<String>,
}

/// The running child.
#[derive(Debug)]
pub(super) struct Beset {
    child: Ended,
    pub(super) address: SocketAddr,
    pub(super) victim: String,
    pub(super) attackers: Vec<String>,
    pub(super) strangers: Vec<String>,
}

impl Beset {
    pub(super) fn start(mode: MemoryReset, discount: &Path) -> anyhow::Result<Self> {
        let mut command = child(HOST);
        command.arg(mode_name(mode)).arg(discount).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Ended(command.spawn()?);
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().context("no stdout")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the host ended before it listened");
        let Told { address, victim, attackers, strangers } = serde_json::from_str(&line)?;
        Ok(Self { child, address, victim, attackers, strangers })
    }

    pub(super) fn resident_kib(&self) -> anyhow::Result<u64> {
        resident_kib(self.child.0.id())
    }
}

/// The child: serves until its parent lets go of it.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(2);
    let mode = arguments.next().context("the mode of memory reset")?;
    let memory_reset = if mode == mode_name(MemoryReset::Scan) { MemoryReset::Scan } else { MemoryReset::Keep };
    let built = Built::new(PathBuf::from(arguments.next().context("the discount guest")?), None);
    let mut guests: Vec<_> = ATTACKS.iter().map(super::attacks::Attack::guest).collect();
    guests.push(built.discount()?);
    // What no breaker stops goes on for all the time.
    let platform = Platform::start(&Hosting { memory_reset, tenants: ATTACKERS + 1, guests, breakers: false })?;
    let strangers = (0..STRANGERS).map(|at| platform.token(&TenantId::parse(&format!("stranger-{at}"))?));
    let mut tokens = platform.tokens.to_vec();
    let victim = tokens.pop().context("a victim")?;
    let told = Told { address: platform.address()?, victim, attackers: tokens, strangers: strangers.collect::<Result<_, _>>()? };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(&told)?)?;
    stdout.flush()?;
    // Ends when the parent is gone, however it went.
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
