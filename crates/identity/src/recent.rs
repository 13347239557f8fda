//! The tokens that one connection brought last, as bytes: what comes again is
//! told by comparing it, without a hash that nobody could forge.
//!
//! They lie where the connection's own buffers have them anyway, and go with it.
//! The [memory](crate::memory) of all connections holds no tokens.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ahash::RandomState;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::memory::Remembered;

/// As many callers as share a connection at a time; one that brings more tokens
/// in turn, as a gateway does, finds some here and the others in the memory.
const TOKENS_MAX: usize = 16;
/// Longer ones are left to the memory: 16 KiB is what a connection may hold here.
const BYTES_MAX: usize = 1 << 10;

/// One connection's latest tokens.
pub(crate) struct Recent {
    /// A secret of the connection's own: places cannot be chosen.
    keys: RandomState,
    seen: Mutex<Vec<Seen>>,
}

struct Seen {
    hash: u64,
    token: Box<[u8]>,
    found: Remembered,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self { keys: RandomState::new(), seen: Mutex::default() }
    }

    /// What is known of `token`, where it came lately; it is for the caller to say whether that still holds.
    pub(crate) fn get(&self, token: &str) -> Option<Remembered> {
        let hash = self.hash(token);
        let seen = self.lock();
        let same = seen.iter().find(|seen| seen.hash == hash)?;
        verify_slices_are_equal(&same.token, token.as_bytes()).ok()?;
        Some(same.found.clone())
    }

    /// Keeps a verified token, in the place of another where there are many.
    pub(crate) fn keep(&self, token: &str, found: &Remembered) {
        if token.len() > BYTES_MAX {
            return;
        }
        let hash = self.hash(token);
        let fresh = Seen { hash, token: token.as_bytes().into(), found: found.clone() };
        let mut seen = self.lock();
        match seen.iter().position(|seen| seen.hash == hash) {
            Some(place) => seen[place] = fresh,
            None if seen.len() < TOKENS_MAX => seen.push(fresh),
            // By chance: those that come in turn would each find that they were the last to go.
            None => seen[hash as usize % TOKENS_MAX] = fresh,
        }
    }

    fn hash(&self, token: &str) -> u64 {
        self.keys.hash_one(token.as_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        // No code that can panic halfway runs under the lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("tokens", &self.lock().len()).finish_non_exhaustive()
    }
}
