//! Leaks between calls: what one tenant's instance left is never there for the
//! next instance of its slot. In both reset modes, whatever the profile.

mod pool;
mod served;

use crate::attack::Attack;

/// Every attack that looks for what others left.
pub(crate) fn all() -> Vec<Attack> {
    [pool::ATTACKS, served::ATTACKS].concat()
}
