//! What a host holds, as Redis said last.

use std::{cmp::Reverse, collections::HashMap};

use tokio::time::Instant;

use super::{CLAIMS_MAX, Claim, LEASE, RENEW_EVERY, Scope, Share};

/// A host that asks for other scopes at each renewal holds those of the last few.
const SCOPES_MAX: usize = 4 * CLAIMS_MAX;

#[derive(Debug)]
pub(super) struct Held {
    unclaimed: Share,
    /// Beside what is unclaimed.
    scopes: HashMap<Scope, Lease>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    share: Share,
    /// When it was last asked for: earlier than Redis's lease began.
    renewed: Instant,
}

impl Default for Held {
    fn default() -> Self {
        Self { unclaimed: Share::NOTHING, scopes: HashMap::new() }
    }
}

impl Held {
    pub(super) const fn unclaimed(&self) -> Share {
        self.unclaimed
    }

    pub(super) fn of(&self, scope: &Scope) -> Share {
        self.scopes.get(scope).map_or(Share::NOTHING, |lease| lease.share)
    }

    pub(super) fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.scopes.len()
    }

    /// The claims of one renewal: those of greatest demand, and no more new scopes than can be held.
    pub(super) fn bounded(&self, mut claims: Vec<Claim>) -> Vec<Claim> {
        if claims.len() > CLAIMS_MAX {
            claims.select_nth_unstable_by_key(CLAIMS_MAX, |claim| Reverse(claim.demand));
            claims.truncate(CLAIMS_MAX);
        }
        let mut room = SCOPES_MAX.saturating_sub(self.scopes.len());
        claims.retain(|claim| {
            let is_new = !self.scopes.contains_key(&claim.scope);
            let fits = !is_new || room > 0;
            room -= usize::from(is_new && fits);
            fits
        });
        claims
    }

    /// Takes what was asked for at `asked_at`.
    pub(super) fn renewed<'a>(&mut self, unclaimed: Share, scopes: impl Iterator<Item = (&'a Scope, Share)>, asked_at: Instant) {
        self.unclaimed = unclaimed;
        for (scope, share) in scopes {
            let lease = Lease { share, renewed: asked_at };
            match self.scopes.get_mut(scope) {
                Some(known) => *known = lease,
                None => drop(self.scopes.insert(scope.clone(), lease)),
            }
        }
    }

    /// Forgets the scopes that run out before the next renewal could name them.
    pub(super) fn lapsed(&mut self, now: Instant) -> Vec<Scope> {
        let lasts = |lease: &Lease| now.saturating_duration_since(lease.renewed) + RENEW_EVERY < LEASE;
        self.scopes.extract_if(|_, lease| !lasts(lease)).map(|(scope, _)| scope).collect()
    }
}
