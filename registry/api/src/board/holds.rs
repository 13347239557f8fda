//! Jobs that workers of this registry have, as it remembers them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use extensions_artifact::Etag;
use extensions_compile_jobs::JobRefused;
use extensions_registry_ledger::FoundCompile;
use tokio::time::Instant;

use super::{Draft, rate::Rate};

/// Jobs in workers' hands, of everyone.
const HOLDS_MAX: usize = 256;
/// Of one tenant: others must find workers.
const HOLDS_OF_TENANT_MAX: usize = 8;

/// One job in a worker's hands.
#[derive(Debug)]
pub(crate) struct Hold {
    claim: u64,
    /// By the monotonic clock: a wall clock that jumps takes nobody's job away.
    until: Instant,
    /// When this registry wrote the marker last; none where another one did.
    written: Option<Instant>,
    found: FoundCompile,
    reports: Rate,
    completing: bool,
}

impl Hold {
    /// From now on, for `lease`; `found` is the marker that says so.
    pub(crate) fn new(claim: u64, found: FoundCompile, lease: Duration) -> Self {
        let now = Instant::now();
        Self { claim, until: now + lease, written: Some(now), found, reports: Rate::new(now), completing: false }
    }

    /// The same, of a lease that another registry wrote: it is due to be written again.
    pub(crate) fn taken_over(claim: u64, found: FoundCompile, lease: Duration) -> Self {
        Self { written: None, ..Self::new(claim, found, lease) }
    }
}

/// Holds by draft.
#[derive(Debug, Default)]
pub(crate) struct Holds(Arc<Mutex<BTreeMap<Draft, Hold>>>);

/// A result is being taken; nobody else may bring one meanwhile.
#[derive(Debug)]
pub(crate) struct Completing {
    draft: Draft,
    claim: u64,
    holds: Arc<Mutex<BTreeMap<Draft, Hold>>>,
}

impl Holds {
    /// Whether one more job of this tenant may be handed out.
    pub(crate) fn has_room(&self, draft: &Draft) -> bool {
        let holds = self.lock();
        let of_tenant = holds.keys().filter(|(of, _)| of.tenant == draft.0.tenant).count();
        holds.contains_key(draft) || (holds.len() < HOLDS_MAX && of_tenant < HOLDS_OF_TENANT_MAX)
    }

    /// Remembers a hold, instead of an earlier one.
    pub(crate) fn put(&self, draft: Draft, hold: Hold) {
        match self.lock().entry(draft) {
            // What was reported counts on.
            Entry::Occupied(mut there) if there.get().claim == hold.claim => {
                let there = there.get_mut();
                (there.until, there.written, there.found) = (hold.until, hold.written, hold.found);
            }
            Entry::Occupied(mut there) => drop(there.insert(hold)),
            Entry::Vacant(place) => drop(place.insert(hold)),
        }
    }

    /// The marker behind a hold, if this claim has it.
    pub(crate) fn found(&self, draft: &Draft, claim: u64) -> Option<FoundCompile> {
        self.lock().get(draft).filter(|hold| hold.claim == claim).map(|hold| hold.found.clone())
    }

    /// Lets go of a hold, if it is still this claim's.
    pub(crate) fn remove(&self, draft: &Draft, claim: u64) {
        let mut holds = self.lock();
        if holds.get(draft).is_some_and(|hold| hold.claim == claim) {
            holds.remove(draft);
        }
    }

    /// Whether the lease of this claim is over; none where it is not remembered,
    /// or another registry has written the marker since.
    pub(crate) fn is_over(&self, draft: &Draft, claim: u64, etag: &Etag) -> Option<bool> {
        let now = Instant::now();
        let holds = self.lock();
        holds.get(draft).filter(|hold| hold.claim == claim && hold.found.etag == *etag).map(|hold| !hold.completing && now >= hold.until)
    }

    /// Lets go of what the markers, listed since `listed`, no longer say: another registry took the end.
    pub(crate) fn keep(&self, listed: Instant, is_held: impl Fn(&Draft, u64) -> bool) {
        self.lock().retain(|draft, hold| hold.written.is_none_or(|written| written >= listed) || hold.completing || is_held(draft, hold.claim));
    }

    /// Counts a report.
    pub(crate) fn count(&self, draft: &Draft, claim: u64) -> Result<(), JobRefused> {
        let mut holds = self.lock();
        let hold = holds.get_mut(draft).filter(|hold| hold.claim == claim).ok_or(JobRefused::OtherAttempt)?;
        if hold.reports.take(Instant::now()) { Ok(()) } else { Err(JobRefused::TooOften) }
    }

    /// Renews a lease; true when the marker should be written as well.
    pub(crate) fn renew(&self, draft: &Draft, claim: u64, lease: Duration) -> bool {
        let now = Instant::now();
        let mut holds = self.lock();
        let Some(hold) = holds.get_mut(draft).filter(|hold| hold.claim == claim) else { return false };
        hold.until = now + lease;
        hold.written.is_none_or(|written| now >= written + lease / 3)
    }

    /// Begins to take a result; none where one is being taken.
    pub(crate) fn complete(&self, draft: &Draft, claim: u64) -> Option<Completing> {
        let mut holds = self.lock();
        let hold = holds.get_mut(draft).filter(|hold| hold.claim == claim && !hold.completing)?;
        hold.completing = true;
        Some(Completing { draft: draft.clone(), claim, holds: Arc::clone(&self.0) })
    }

    /// Whether the draft is in somebody's hands.
    pub(crate) fn contains(&self, draft: &Draft) -> bool {
        self.lock().contains_key(draft)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Draft, Hold>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Completing {
    fn drop(&mut self) {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hold) = holds.get_mut(&self.draft).filter(|hold| hold.claim == self.claim) {
            hold.completing = false;
        }
    }
}
