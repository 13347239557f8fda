//! The host under attack: a child of this program that holds nothing else.

use std::{net::SocketAddr, path::Path};

use extensions_engine_config::MemoryReset;
use extensions_types::TenantId;

use super::attacks::ATTACKS;
use crate::stage::{Apart, Hosting, Orders, Platform, orders, serve};

/// The first argument that makes this program the child.
pub(crate) const HOST: &str = "__host";
/// Tenants that attack; one more is the victim.
const ATTACKERS: usize = 4;
/// Tokens of tenants that do not exist: more than a cache of verified tokens should hold for them.
const STRANGERS: usize = 2_000;

/// The running child.
#[derive(Debug)]
pub(super) struct Beset {
    host: Apart,
    pub(super) address: SocketAddr,
    pub(super) victim: String,
    pub(super) attackers: Vec<String>,
    pub(super) strangers: Vec<String>,
}

impl Beset {
    pub(super) fn start(mode: MemoryReset, discount: &Path) -> anyhow::Result<Self> {
        let mut host = Apart::start(HOST, mode, discount)?;
        let mut attackers = std::mem::take(&mut host.tokens);
        anyhow::ensure!(attackers.len() == ATTACKERS + 1 + STRANGERS, "a token for each tenant and stranger");
        let strangers = attackers.split_off(ATTACKERS + 1);
        let victim = attackers.remove(ATTACKERS);
        Ok(Self { address: host.address, host, victim, attackers, strangers })
    }

    pub(super) fn resident_kib(&self) -> anyhow::Result<u64> {
        self.host.resident_kib()
    }
}

/// The child.
pub(crate) fn run() -> anyhow::Result<()> {
    let Orders { memory_reset, built } = orders()?;
    let mut guests: Vec<_> = ATTACKS.iter().map(super::attacks::Attack::guest).collect();
    guests.push(built.discount()?);
    // What no breaker stops goes on for all the time.
    let platform = Platform::start(&Hosting { memory_reset, tenants: ATTACKERS + 1, guests, breakers: false })?;
    let strangers = (0..STRANGERS).map(|at| platform.token(&TenantId::parse(&format!("stranger-{at}"))?));
    let mut tokens = platform.tokens.to_vec();
    tokens.extend(strangers.collect::<Result<Vec<_>, _>>()?);
    serve(&platform, tokens)
}
