//! Attacks by guests: code that a tenant was served.

mod abi;
mod artifacts;
mod bombs;
mod describe;
mod floods;
mod identity;
mod imports;
mod json;
mod memory;
mod output;
mod plain;
mod raw;
mod recursion;
pub(crate) mod time;
mod traps;
pub(crate) mod variant;

use crate::attack::Attack;

/// Every attack by a guest.
pub(crate) fn all() -> Vec<Attack> {
    [
        time::ATTACKS,
        recursion::ATTACKS,
        memory::ATTACKS,
        bombs::ATTACKS,
        abi::ATTACKS,
        traps::ATTACKS,
        imports::ATTACKS,
        output::ATTACKS,
        json::ATTACKS,
        plain::ATTACKS,
        identity::ATTACKS,
        artifacts::ATTACKS,
        describe::ATTACKS,
        floods::ATTACKS,
    ]
    .concat()
}
