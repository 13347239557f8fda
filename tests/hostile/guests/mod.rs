//! Attacks by guests: code that a tenant was served.

mod time;
mod variant;

use crate::attack::Attack;

/// Every attack by a guest.
pub(crate) fn all() -> Vec<Attack> {
    [time::ATTACKS].concat()
}
