//! How a job ended: what came back is checked as if it came from outside, then
//! recorded once.
//!
//! A result that is not what its manifest promises (another definition, kind,
//! tier or host calls, a component that does not conform or is too large) fails
//! the draft with findings that say so: a worker's word never admits anything,
//! and a draft that its worker cannot be trusted with is pushed again.

use extensions_compile_jobs::{Compiled, NotCompiled};
use extensions_registry_core::Finding;
use extensions_types::{ErrorCode, Refusal};

use crate::{
    Bundle,
    board::{Draft, JobGrant, job_of},
    call::denied,
    service::{
        CompileView, Service,
        admit::{Admission, Admitted, finding},
        compile::ended,
        refusal,
        refuse::{overloaded, unavailable},
        upload::{blocking, record},
    },
    view::Changed,
};

impl Service {
    /// Takes a job's end.
    pub(crate) async fn complete_job(&self, token: &str, by: &str, result: Result<Compiled, NotCompiled>) -> Result<(), Refusal> {
        self.inner.board.presence.hear();
        let grant = self.grant(token, by)?;
        let draft = self.held(&grant).await?;
        let being_taken = || unavailable("a result of this job is being checked; ask again");
        let _completing = self.inner.board.holds.complete(&draft, grant.claim).ok_or_else(being_taken)?;
        self.renew(&draft, &grant, by).await?;
        match result {
            Ok(compiled) => {
                let admitted = self.admit_compiled(&draft, compiled).await?;
                self.conclude_job(&draft, &grant, admitted).await
            }
            Err(NotCompiled::Failed(findings)) => self.conclude_job(&draft, &grant, Err(or_some(findings))).await,
            Err(NotCompiled::Unavailable(why)) => self.withdraw(&draft, &grant, unavailable(public(why))).await,
            Err(NotCompiled::Denied(why)) => self.withdraw(&draft, &grant, denied(&public(why))).await,
            Err(NotCompiled::GivenBack) => self.give_back(&draft, &grant).await,
        }
    }

    /// Checks a component and its definition against the bundle that the registry holds.
    async fn admit_compiled(&self, draft: &Draft, compiled: Compiled) -> Result<Result<Admitted, Vec<Finding>>, Refusal> {
        let (of, version) = draft;
        let _room = self.inner.uploads.try_acquire().map_err(|_| overloaded("as many results as there is room for are being checked; try again"))?;
        let state = self.ledger().read(of).await.map_err(|error| refusal(&error))?;
        let admission = Admission { of: of.clone(), version: *version, record: record(&state, *version)?.clone() };
        let source = self.ledger().source(of, *version).await.map_err(|error| refusal(&error))?;
        let at_ms = self.now_ms();
        blocking(move || {
            let bundle = Bundle::unpack(&source).map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            let manifest = admission.manifest(&bundle)?;
            Ok(admission.compiled(manifest, &bundle, compiled, at_ms))
        })
        .await
    }

    async fn conclude_job(&self, draft: &Draft, grant: &JobGrant, admitted: Result<Admitted, Vec<Finding>>) -> Result<(), Refusal> {
        let component_bytes = admitted.as_ref().map_or(0, |admitted| admitted.component.len() as u64);
        match self.conclude(&draft.0, draft.1, grant.job.attempt, admitted).await {
            Ok(done) => {
                self.inner.board.holds.remove(draft, grant.claim);
                let end = ended(done, draft.1, component_bytes);
                tracing::info!(job = %grant.job, end = end.name(), "a compile has ended");
                self.inner.followers.end(draft, Ok(end));
                Ok(())
            }
            // The history awaits nothing of this attempt any more.
            Err(refusal) if refusal.code == ErrorCode::Precondition => Err(self.lost(grant).await),
            Err(refusal) => Err(refusal),
        }
    }

    /// Nobody takes it until somebody asks again.
    async fn withdraw(&self, draft: &Draft, grant: &JobGrant, why: Refusal) -> Result<(), Refusal> {
        tracing::warn!(job = %grant.job, %why, "a compile was not done, and not by its source's fault");
        if !self.change_lease(draft, grant.claim, None, true).await? {
            return Err(self.lost(grant).await);
        }
        self.inner.followers.end(draft, Err(why));
        Ok(())
    }

    async fn give_back(&self, draft: &Draft, grant: &JobGrant) -> Result<(), Refusal> {
        if !self.change_lease(draft, grant.claim, None, false).await? {
            return Err(self.lost(grant).await);
        }
        tracing::info!(job = %grant.job, "a compile was given back");
        self.inner.followers.tell(draft, CompileView::note("its worker stops; the compile begins anew at another one"));
        self.inner.board.hints.offer(job_of(draft, grant.job.attempt));
        Ok(())
    }

    /// A draft that took its workers with it fails, with a finding that says so.
    pub(super) async fn poison(&self, draft: &Draft, attempt: u32) -> Result<(), Refusal> {
        let found = finding(
            "build",
            "compile_poisoned",
            format!("{attempt} workers took this compile, and none of them came to its end"),
            "look for what exhausts or ends the build, such as a build script; correct it and push a new version",
        );
        let done = self.conclude(&draft.0, draft.1, attempt, Err(vec![found])).await?;
        let change = Changed { version: Some(draft.1), ..done.change };
        self.inner.followers.end(draft, Ok(CompileView::Failed { change, findings: done.findings }));
        Ok(())
    }
}

/// A failure has a reason, whatever its worker says.
fn or_some(findings: Vec<Finding>) -> Vec<Finding> {
    if findings.is_empty() { vec![finding("build", "no_reason", "the build failed without a reason", "try it with `ext build`")] } else { findings }
}

/// A worker's words for people, short and plain.
fn public(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}
