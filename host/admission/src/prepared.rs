//! What is done once for a request, however many inputs it brings: its context,
//! and the version that answers it.

use std::{sync::Arc, time::Instant};

use extensions_identity::Principal;
use extensions_types::{ErrorCode, ExecutionContext, Refusal};

use crate::{Account, Admission, Asked, resolving::Resolved};

/// A request of a verified caller that has a version to run, or to answer for it.
#[derive(Debug)]
pub(crate) struct Prepared<'r> {
    pub(crate) principal: &'r Principal,
    /// What the request is about, as its caller wrote it.
    pub(crate) extension: &'r str,
    pub(crate) found: Resolved,
    /// Why the version that was found may not run: it is not served, and all that
    /// may answer is its failure contract.
    pub(crate) unserved: Option<Refusal>,
    pub(crate) deadline: Option<Instant>,
}

impl Admission {
    /// For whom a request runs.
    pub(crate) fn context(&self, principal: &Principal, asked: &Asked<'_>) -> Result<Arc<ExecutionContext>, Refusal> {
        let made = principal.context(&asked.context, self.catalogs().meant(asked.context.env), asked.accepted);
        made.map(Arc::new).map_err(|refusal| {
            let refusal = Refusal::new(refusal.code, refusal.message);
            self.accounts.refused_unknown(Some(principal.audit().to_string()), &refusal);
            refusal
        })
    }

    /// Finds what answers a request. What is refused for all of it is in `account`,
    /// which also tells of a caller that leaves meanwhile.
    ///
    /// # Errors
    /// When the caller's time is over, or there is neither a version nor a contract.
    pub(crate) async fn prepare<'r>(&self, principal: &'r Principal, asked: &Asked<'r>, account: &Account) -> Result<Prepared<'r>, Refusal> {
        let deadline = asked.timeout.map(|timeout| asked.accepted + timeout);
        let refused = |refusal: Refusal| {
            account.refused(asked.extension_id, &refusal, None);
            of_call(refusal, &account.context)
        };
        if is_late(deadline, asked.accepted) {
            return Err(refused(too_late()));
        }
        let (found, unserved) = match self.resolve(&account.context, asked, deadline).await {
            Ok(found) => (found, None),
            Err(unresolved) => match unresolved.contract {
                Some(found) => (found, Some(unresolved.refusal)),
                None => return Err(refused(unresolved.refusal)),
            },
        };
        Ok(Prepared { principal, extension: asked.extension_id, found, unserved, deadline })
    }
}

/// Whether the caller's time is over. Only who sets a deadline pays for the clock.
fn is_late(deadline: Option<Instant>, accepted: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= accepted || deadline <= Instant::now())
}

/// Nobody waits for the answer any more: nothing is looked up for it.
fn too_late() -> Refusal {
    Refusal::new(ErrorCode::Deadline, "the caller's time was over before the call began")
}

/// A refusal that tells which call it was.
pub(crate) fn of_call(refusal: Refusal, context: &ExecutionContext) -> Refusal {
    Refusal { correlation: Some(context.correlation.clone()), ..refusal }
}
