//! Progress of a job, which renews its lease.

use extensions_compile_jobs::{CompileEvent, JobRefused, REPORT_EVENTS_MAX};
use extensions_registry_ledger::CompileLease;
use extensions_types::Refusal;

use super::refused;
use crate::{
    board::{Draft, JobGrant},
    service::{CompileView, Service},
};

/// Texts of one report together: a screen of a compiler's errors, several times.
const REPORT_BYTES_MAX: usize = 256 << 10;

impl Service {
    /// Takes a report.
    pub(crate) async fn report_job(&self, token: &str, by: &str, events: Vec<CompileEvent>) -> Result<(), Refusal> {
        self.inner.board.presence.hear();
        let grant = self.grant(token, by)?;
        if events.len() > REPORT_EVENTS_MAX || events.iter().map(bytes).sum::<usize>() > REPORT_BYTES_MAX {
            return Err(refused(JobRefused::TooLarge));
        }
        let draft = self.held(&grant).await?;
        self.inner.board.holds.count(&draft, grant.claim).map_err(refused)?;
        self.renew(&draft, &grant, by).await?;
        for event in events {
            self.inner.followers.tell(&draft, CompileView::from(event.cut()));
        }
        Ok(())
    }

    /// The lease begins anew; the marker hears of it three times a lease at most.
    pub(super) async fn renew(&self, draft: &Draft, grant: &JobGrant, by: &str) -> Result<(), Refusal> {
        let lease = self.inner.board.settings.lease;
        if !self.inner.board.holds.renew(draft, grant.claim, lease) {
            return Ok(());
        }
        let until_ms = self.now_ms() + lease.as_millis() as u64;
        let lease = CompileLease { attempt: grant.job.attempt, by: by.to_owned(), claim: grant.claim, until_ms };
        if self.change_lease(draft, grant.claim, Some(lease), false).await? {
            return Ok(());
        }
        Err(self.lost(grant).await)
    }
}

fn bytes(event: &CompileEvent) -> usize {
    match event {
        CompileEvent::StepStarted(step) => step.len(),
        CompileEvent::StepDone { step, summary, .. } => step.len() + summary.len(),
        CompileEvent::Diagnostic { level, text } => level.len() + text.len(),
    }
}
