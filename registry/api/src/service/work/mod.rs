//! What the registry does for compile workers: hand out a job, take its
//! progress, take its end; and keep an eye on what nobody brings to an end.
//!
//! A job is a worker's while the marker in the store names its claim. A lease
//! ends first in the marker and then in the history (the next attempt), so
//! whoever holds a token of before finds itself refused wherever it asks.

mod claim;
mod complete;
mod feed;
mod in_process;
mod keep;
mod report;
#[cfg(test)]
mod tests;

use std::time::Duration;

use extensions_compile_jobs::JobRefused;
use extensions_registry_ledger::{Awaited, CompileLease, FoundCompile};
use extensions_types::Refusal;

pub use feed::Feeder;
pub use in_process::InProcess;
pub use keep::{Keeper, LOOK_EVERY};

use super::{Service, refusal};
use crate::board::{Draft, Hold, JobGrant, draft_of};

/// The hint for a worker that it should ask later.
const NEXT_WITHIN: Duration = Duration::from_secs(20);

/// A job's token or what came with it is refused.
fn refused(reason: JobRefused) -> Refusal {
    Refusal::new(reason.code(), reason.to_string())
}

impl Service {
    /// What a token says, if it is this worker's and holds.
    fn grant(&self, token: &str, by: &str) -> Result<JobGrant, Refusal> {
        self.inner.board.settings.key.verify(token, by, self.now_ms()).map_err(refused)
    }

    /// Makes sure that the job is still this claim's. Another registry may have
    /// handed it out, or this one before it was started again: the marker says so.
    async fn held(&self, grant: &JobGrant) -> Result<Draft, Refusal> {
        let draft = draft_of(&grant.job);
        let holds = &self.inner.board.holds;
        if holds.found(&draft, grant.claim).is_some() {
            return Ok(draft);
        }
        match self.marker(&draft).await? {
            Some(found) if is_claim(&found, grant.claim) => {
                holds.put(draft.clone(), Hold::taken_over(grant.claim, found, self.inner.board.settings.lease));
                Ok(draft)
            }
            _ => Err(self.lost(grant).await),
        }
    }

    /// Why a claim no longer has its job.
    async fn lost(&self, grant: &JobGrant) -> Refusal {
        let draft = draft_of(&grant.job);
        self.inner.board.holds.remove(&draft, grant.claim);
        match self.ledger().awaited(&draft.0, draft.1).await {
            Ok(Awaited::Attempt(attempt)) if attempt != grant.job.attempt => refused(JobRefused::OtherAttempt),
            Ok(_) => refused(JobRefused::Ended),
            Err(error) => refusal(&error),
        }
    }

    async fn marker(&self, (of, version): &Draft) -> Result<Option<FoundCompile>, Refusal> {
        self.ledger().compile_marker(of, *version).await.map_err(|error| refusal(&error))
    }

    /// Changes the marker of a job that a claim has: its lease, or that nobody has it. False: it is not this claim's.
    async fn change_lease(&self, draft: &Draft, claim: u64, lease: Option<CompileLease>, withdrawn: bool) -> Result<bool, Refusal> {
        let mut found = self.inner.board.holds.found(draft, claim);
        // Once with what is remembered, once with what is there: another registry may have renewed it.
        for _ in 0..2 {
            let Some(was) = found.filter(|found| is_claim(found, claim)) else { return Ok(false) };
            let mut marker = was.marker.clone();
            (marker.lease, marker.withdrawn) = (lease.clone(), withdrawn);
            let swapped = self.ledger().swap_compile(&draft.0, draft.1, &marker, &was.etag).await.map_err(|error| refusal(&error))?;
            match swapped {
                Some(etag) if lease.is_some() => {
                    let hold = Hold::new(claim, FoundCompile { marker, etag }, self.inner.board.settings.lease);
                    self.inner.board.holds.put(draft.clone(), hold);
                    return Ok(true);
                }
                Some(_) => {
                    self.inner.board.holds.remove(draft, claim);
                    return Ok(true);
                }
                None => found = self.marker(draft).await?,
            }
        }
        Ok(false)
    }
}

/// Whether a marker says that the job is this claim's.
fn is_claim(found: &FoundCompile, claim: u64) -> bool {
    found.marker.lease.as_ref().is_some_and(|lease| lease.claim == claim)
}
