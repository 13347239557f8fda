//! A hint, and a job for its lease.

use std::sync::Arc;

use extensions_compile_jobs::{Claimed, JobId, WorkerName};
use extensions_registry_core::VersionRecord;
use extensions_registry_ledger::{Awaited, CompileLease, FoundCompile};
use extensions_types::Refusal;
use tokio::time::timeout;

use super::NEXT_WITHIN;
use crate::{
    board::{COMPILE_WITHIN, Draft, Hold, JobGrant, draft_of, new_claim},
    service::{
        Service, refusal,
        refuse::{overloaded, unavailable},
    },
};

impl Service {
    /// A hint that a job may be waiting; none within 20 seconds.
    pub(crate) async fn next_job(&self) -> Result<Option<JobId>, Refusal> {
        let board = &self.inner.board;
        let _waiting = board.presence.wait().ok_or_else(|| overloaded("as many workers as there is room for wait already; ask later"))?;
        let leaving = &self.inner.parts.leaving;
        tokio::select! {
            biased;
            () = leaving.cancelled() => Err(unavailable("the registry stops; ask another one")),
            hint = timeout(NEXT_WITHIN, board.hints.wait()) => Ok(hint.ok()),
        }
    }

    /// Hands a job out, if it waits. `by` is who the worker is.
    pub(crate) async fn claim_job(&self, job: &JobId, by: &str, name: &WorkerName) -> Result<Option<Claimed>, Refusal> {
        let board = &self.inner.board;
        board.presence.hear();
        let draft = draft_of(job);
        if !board.holds.has_room(&draft) {
            return Ok(None);
        }
        let (of, version) = &draft;
        let state = self.ledger().read(of).await.map_err(|error| refusal(&error))?;
        let erased = self.ledger().is_erased(&of.tenant).await.map_err(|error| refusal(&error))?;
        if erased || Awaited::of(&state, *version) != Awaited::Attempt(job.attempt) {
            return Ok(None);
        }
        let Some(record) = state.versions.get(version) else { return Ok(None) };
        let Some(found) = self.free(&draft, record).await? else { return Ok(None) };
        let source = match self.ledger().source(of, *version).await {
            Ok(source) => source,
            Err(error) => {
                // Without its source nobody can compile it: whoever waits hears why, and the next who asks.
                self.inner.followers.end(&draft, Err(refusal(&error)));
                return Err(refusal(&error));
            }
        };
        let Some(found) = self.take(&draft, job.attempt, by, found).await? else { return Ok(None) };
        let claim = found.marker.lease.as_ref().map_or(0, |lease| lease.claim);
        let asked_by: Arc<str> = found.marker.asked_by.as_str().into();
        board.holds.put(draft.clone(), Hold::new(claim, found, board.settings.lease));
        tracing::info!(%job, worker = %name, by, "a compile was handed out");
        let source_sha256 = record.draft.source_sha256;
        let expires_ms = self.now_ms() + COMPILE_WITHIN.as_millis() as u64;
        let token = board.settings.key.mint(&JobGrant { job: job.clone(), source_sha256, expires_ms, claim }, by);
        Ok(Some(Claimed {
            job: job.clone(),
            source,
            source_sha256,
            created_by: record.created_by.to_string(),
            pushed_by_issuer: record.created_by.iss.as_str().into(),
            asked_by_issuer: asked_by,
            token,
            lease: board.settings.lease,
        }))
    }

    /// The marker of a job that nobody has.
    async fn free(&self, draft: &Draft, record: &VersionRecord) -> Result<Option<FoundCompile>, Refusal> {
        let found = match self.marker(draft).await? {
            Some(found) => Some(found),
            // It was lost, in a restore for example; the history waits nevertheless.
            None => {
                self.ledger().ask_compile(&draft.0, draft.1, &record.created_by.iss).await.map_err(|error| refusal(&error))?;
                self.marker(draft).await?
            }
        };
        Ok(found.filter(|found| !found.marker.withdrawn && found.marker.lease.is_none()))
    }

    /// Writes the lease into the marker. None: another worker came first.
    async fn take(&self, (of, version): &Draft, attempt: u32, by: &str, found: FoundCompile) -> Result<Option<FoundCompile>, Refusal> {
        let until_ms = self.now_ms() + self.inner.board.settings.lease.as_millis() as u64;
        let mut marker = found.marker;
        marker.lease = Some(CompileLease { attempt, by: by.to_owned(), claim: new_claim(), until_ms });
        let taken = self.ledger().swap_compile(of, *version, &marker, &found.etag).await.map_err(|error| refusal(&error))?;
        Ok(taken.map(|etag| FoundCompile { marker, etag }))
    }
}
