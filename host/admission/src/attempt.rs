//! One version's try at one request: the steps between resolving and the
//! failure contract, in their order.

use std::sync::Arc;

use extensions_breakers::Ticket;
use extensions_catalog::ServedVersion;
use extensions_engine::{Call, Extension, Outcome};
use extensions_quota::{Asked, Permit};
use extensions_types::Refusal;

use crate::{
    Admission,
    allowed::{allowed, fits},
    refusals::{by_engine, circuit_open, not_loaded, over_quota, switched_off},
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
        self.check_switches(call, version)?;
        allowed(call.request.principal, call.context(), &version.definition)?;
        fits(call.input.len(), &version.definition)?;
        let ticket = self.circuits.admit(version, call.accepted).map_err(circuit_open)?;
        let permit = self.take_quota(call, version)?;
        let extension = match self.modules.get(version, call.request.deadline).await {
            Ok(extension) => extension,
            Err(error) => {
                self.circuits.not_loaded(ticket, version, &error, call.accepted);
                return Err(not_loaded(&error, call.request.deadline).into());
            }
        };
        // Its load may have taken seconds: what was switched off meanwhile does not start.
        self.check_switches(call, version)?;
        Ok(Ready { extension, ticket, permit })
    }

    async fn run(&self, call: &Underway<'_>, version: &Arc<ServedVersion>, ready: Ready) -> Result<Outcome, Stopped> {
        let Ready { extension, ticket, permit } = ready;
        let invocation = Call {
            context: Arc::clone(call.context()),
            input: call.input.clone(),
            accepted: call.accepted,
            deadline: call.request.deadline,
            host_calls: Arc::clone(&self.host_calls),
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

    fn check_switches(&self, call: &Underway<'_>, version: &ServedVersion) -> Result<(), Refusal> {
        self.switches.forced_off(call.context().env, &version.definition).map_or(Ok(()), |off| Err(switched_off(off)))
    }

    /// Whoever resolved a version of the environment knows its catalog.
    fn take_quota(&self, call: &Underway<'_>, version: &ServedVersion) -> Result<Arc<Permit>, Stopped> {
        let (context, definition) = (&**call.context(), &*version.definition);
        let allowance = self.catalogs().get(context.env).map(|catalog| catalog.allowance(&context.tenant, &definition.id)).unwrap_or_default();
        let asked = Asked {
            env: context.env,
            tenant: &context.tenant,
            extension: &definition.id,
            limits: allowance.quota,
            weight: allowance.weight,
            memory_bytes: definition.limits.memory_bytes() as u64,
            now: call.accepted,
        };
        self.quotas.admit(&asked).map_err(|over| over_quota(&over))
    }
}
