//! Attacks by callers: connections, requests, frames, names, tokens.

mod batches;
mod chance;
mod crowd;
mod frames;
mod grpc;
mod heads;
mod labels;
mod lengths;
mod names;
mod paths;
mod slow;
mod streams;
mod tokens;
mod wire;

use crate::attack::Attack;

/// Every attack by a caller.
pub(crate) fn all() -> Vec<Attack> {
    [
        slow::ATTACKS,
        crowd::ATTACKS,
        heads::ATTACKS,
        streams::ATTACKS,
        lengths::ATTACKS,
        paths::ATTACKS,
        grpc::ATTACKS,
        names::ATTACKS,
        tokens::ATTACKS,
        labels::ATTACKS,
        batches::ATTACKS,
        chance::ATTACKS,
    ]
    .concat()
}
