//! Tokens that were verified a short time ago.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::{Weighter, sync::Cache};

use crate::Principal;

/// How long a verified token is believed without looking at it again: bounds
/// what a changed grant can miss. Rotated keys end it at once.
pub const CACHE_LIFE: Duration = Duration::from_secs(60);
/// What one token may weigh on average; a heavier one takes the place of several.
/// An ordinary one, without long names, takes about half of it.
const TOKEN_BYTES: u64 = 1 << 10;
/// Hash, places in the cache's own tables, counts of references.
const OVERHEAD_BYTES: usize = 128;

/// A token, as it is looked up: whoever reads the cache learns no token.
pub(crate) type TokenHash = [u8; 32];

/// Remembered tokens: at most so many, and at most [`TOKEN_BYTES`] for each of these.
pub(crate) struct Memory(Cache<TokenHash, Remembered, Weights>);

/// What a look at a token found.
#[derive(Clone)]
pub(crate) struct Remembered {
    pub(crate) principal: Arc<Principal>,
    /// Which of the verifier's issuers.
    pub(crate) issuer: usize,
    /// Of the issuer's keys, when it was verified.
    pub(crate) generation: u64,
    from: SystemTime,
    until: SystemTime,
}

impl Remembered {
    /// Believed from `now` until the token ends, or for [`CACHE_LIFE`].
    pub(crate) fn new(principal: Arc<Principal>, issuer: usize, generation: u64, now: SystemTime) -> Self {
        let until = principal.expires().min(now + CACHE_LIFE);
        Self { principal, issuer, generation, from: now, until }
    }

    /// A clock that stepped back to before it was seen is not believed either.
    pub(crate) fn holds_at(&self, now: SystemTime) -> bool {
        (self.from..self.until).contains(&now)
    }
}

#[derive(Clone)]
struct Weights;

impl Weighter<TokenHash, Remembered> for Weights {
    fn weight(&self, _: &TokenHash, remembered: &Remembered) -> u64 {
        let bytes = size_of::<(TokenHash, Remembered)>() + OVERHEAD_BYTES + remembered.principal.bytes();
        (bytes as u64).max(TOKEN_BYTES)
    }
}

impl Memory {
    pub(crate) fn new(tokens: usize) -> Self {
        let tokens = tokens.max(1);
        Self(Cache::with_weighter(tokens, (tokens as u64).saturating_mul(TOKEN_BYTES), Weights))
    }

    pub(crate) fn get(&self, hash: &TokenHash) -> Option<Remembered> {
        self.0.get(hash)
    }

    pub(crate) fn keep(&self, hash: TokenHash, remembered: Remembered) {
        self.0.insert(hash, remembered);
    }

    pub(crate) fn forget(&self, hash: &TokenHash) {
        self.0.remove(hash);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.0.weight()
    }

    #[cfg(test)]
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

pub(crate) fn hash(token: &str) -> TokenHash {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
