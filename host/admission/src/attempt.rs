//! One version's try at one request: the steps between resolving and the
//! failure contract, in their order.

use std::sync::Arc;

use extensions_breakers::Ticket;
use extensions_catalog::ServedVersion;
use extensions_engine::{Call, DenyAll, Extension, HostCalls, Outcome};
use extensions_quota::Permit;

use crate::{
    Admission,
    allowed::{allowed, fits},
    refusals::{by_engine, circuit_open, not_loaded},
    underway::{Stopped, Underway},
};

/// A version that may run now, and what the call holds meanwhile.
struct Ready {
    extension: Arc<Extension>,
    /// Given back unreported when the caller leaves: that says nothing of the version.
    ticket: Ticket,
    permit: Arc<Permit>,
}

impl Admission {
    /// Runs `version`, or says why not. An outcome's own failure is no refusal.
    pub(crate) async fn attempt(&self, call: &Underway<'_>, version: &Arc<ServedVersion>) -> Result<Outcome, Stopped> {
        match self.make_ready(call, version).await {
            Ok(ready) => self.run(call, version, ready).await,
            Err(stopped) => {
                call.account.refused(call.request.extension, &stopped.refusal, stopped.quota);
                Err(stopped)
            }
        }
    }

    /// Switches → what the caller may → circuit → quota → load → switches.
    async fn make_ready(&self, call: &Underway<'_>, version: &Arc<ServedVersion>) -> Result<Ready, Stopped> {
        let mut standing = self.standing(call, version)?;
        allowed(call.request.principal, call.context(), &version.definition)?;
        fits(call.input.len(), &version.definition)?;
        let ticket = self.circuits.admit(version, call.accepted).map_err(circuit_open)?;
        let permit = Arc::new(self.pass(call, version, &mut standing)?);
        let extension = match self.load(call, version, &standing).await {
            Ok(extension) => extension,
            Err(error) => {
                self.circuits.not_loaded(ticket, version, &error, call.accepted);
                return Err(not_loaded(&error, call.request.deadline).into());
            }
        };
        // Its load may have taken seconds: what was switched off meanwhile does not start.
        self.check_again(call, version, &standing)?;
        Ok(Ready { extension, ticket, permit })
    }

    async fn run(&self, call: &Underway<'_>, version: &Arc<ServedVersion>, ready: Ready) -> Result<Outcome, Stopped> {
        let Ready { extension, ticket, permit } = ready;
        let invocation = Call {
            context: Arc::clone(call.context()),
            input: call.input.clone(),
            accepted: call.accepted,
            deadline: call.request.deadline,
            host_calls: no_host_calls(),
            payer: permit,
            observer: Arc::clone(&call.account) as _,
        };
        let outcome = self.engine.invoke(&extension, invocation).await;
        self.circuits.ended(ticket, version, &outcome, call.accepted);
        match outcome.result {
            Err(failure) if !failure.code.is_outcome() => Err(Stopped { refusal: by_engine(failure), quota: None, issued: outcome.issued }),
            result => Ok(Outcome { result, ..outcome }),
        }
    }
}

/// What answers host calls until the bridge to platform APIs exists. One for each
/// thread: a count of references that all threads change would cost each call more than its clocks.
fn no_host_calls() -> Arc<dyn HostCalls> {
    thread_local!(static DENIED: Arc<DenyAll> = Arc::new(DenyAll));
    DENIED.with(Arc::clone)
}
