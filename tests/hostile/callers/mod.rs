//! Attacks by callers: connections, requests, tokens.

use crate::attack::Attack;

/// Every attack by a caller.
pub(crate) fn all() -> Vec<Attack> {
    Vec::new()
}
