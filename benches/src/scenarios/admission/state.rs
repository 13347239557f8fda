//! Memory of what a host holds for 10,000 tenants beyond their entries: a child
//! of this program, so that what was measured before does not count.

use extensions_engine_config::MemoryReset;

use super::{INPUT, TENANTS, rule};
use crate::{
    harness::{Bound, Section, child, resident_kib},
    stage::Street,
};

/// The first argument that makes this program the child.
pub(crate) const STATE: &str = "__state";
/// These have called before it is counted: what is made once is no tenant's state.
const EARLY: usize = 500;
const STATE_MAX_MIB: f64 = 20.0;

pub(super) fn measure(section: &mut Section) -> anyhow::Result<()> {
    let ended = child(STATE).output()?;
    anyhow::ensure!(ended.status.success(), "the child that holds state ended with {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    let kib: f64 = String::from_utf8(ended.stdout)?.trim().parse()?;
    section.goal("RSS of the state of 10,000 tenants", kib / 1024.0, "MiB", Bound::AtMost(STATE_MAX_MIB));
    Ok(())
}

/// The child: says how many KiB it grew by the first calls of all tenants.
#[allow(clippy::print_stdout, reason = "the child's one answer")]
pub(crate) fn run() -> anyhow::Result<()> {
    let street = Street::open(MemoryReset::Keep, TENANTS, &rule())?;
    // The module cache is full of versions before and after; which ones does not matter.
    street.pass_through_modules()?;
    street.visit(0..EARLY, INPUT)?;
    let before = resident_kib(std::process::id())?;
    street.visit(EARLY..TENANTS, INPUT)?;
    let grown = resident_kib(std::process::id())?.saturating_sub(before);
    println!("{}", grown * TENANTS as u64 / (TENANTS - EARLY) as u64);
    Ok(())
}
